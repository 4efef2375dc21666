//! The known name that a misspelt one most likely stands for.

/// Edit distance in single-character insertions, deletions, replacements and swaps of neighbours.
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

/// The longest name that is compared with known ones, in bytes.
const MAX_NAME: usize = 100;

/// The name among `known` that `name` most likely stands for: equal but for case, or few edits away.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes the product of both lengths, and no known name is as long.
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
        // As many edits are needed as it is longer; a key of a hostile document can be as long as the document.
        .filter(|candidate| length <= candidate.chars().count() + allowed)
        .map(|candidate| {
            let known = candidate.to_lowercase();
            // A name that was cut short is as good as few edits.
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
    fn the_nearest_name_is_found_and_far_ones_are_not() {
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
