//! Finds the known name that a misspelt name most likely means.

/// The edit distance in insertions, deletions, replacements and swaps of neighbouring characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    let mut last = None;
    for (row, l) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, r) in right.iter().enumerate() {
            let at =
                |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = at(&previous, column) + usize::from(l != *r);
            best = best
                .min(at(&previous, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = column > 0 && right.get(column - 1) == Some(&l) && last == Some(*r);
            if swapped && !before.is_empty() {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        last = Some(l);
        before = std::mem::replace(&mut previous, current);
    }
    previous.last().copied().unwrap_or_default()
}

/// The longest name that is compared with known names, in bytes.
const MAX_NAME: usize = 100;

/// The name in `known` that `name` most likely means: equal except for case, or a few edits away.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time proportional to the product of both lengths, and no known name is longer.
    if name.len() > MAX_NAME {
        return None;
    }
    let lower = name.to_lowercase();
    let allowed = match name.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=11 => 2,
        _ => 3,
    };
    let length = lower.chars().count();
    known
        .into_iter()
        // The distance is at least the difference in length; a key of a hostile document can be very long.
        .filter(|candidate| length <= candidate.chars().count() + allowed)
        .map(|candidate| {
            let known = candidate.to_lowercase();
            // A prefix of a known name counts as a near name.
            let shortened = lower.len() >= 6 && known.starts_with(&lower);
            let edits = distance(&lower, &known);
            (
                if shortened { edits.min(allowed) } else { edits },
                candidate,
            )
        })
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_found() {
        let known = ["serviceSubnet", "podSubnet", "dnsDomain"];
        for (name, expected) in [
            ("servicSubnet", Some("serviceSubnet")),
            ("servcieSubnet", Some("serviceSubnet")),
            ("PODSUBNET", Some("podSubnet")),
            ("dnsdomain", Some("dnsDomain")),
            ("podCIDR", None),
            ("service", Some("serviceSubnet")),
            ("x", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
