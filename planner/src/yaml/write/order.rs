//! The order of keys in a mapping.
//!
//! In: the fields of an object. Out: the same, in the natural order go-yaml uses: at the first character
//! that differs, a letter comes after anything else, letters compare by code point, and runs of digits
//! compare as numbers (`a2` before `a10`; with leading zeros the shorter run first).

use serde_json::{Map, Value};

/// The fields in go-yaml's order.
///
/// That relation is no total order (`v2` < `v10` < `v1a` < `v2`; Go's own output is not stable there),
/// so this is an insertion sort, which ends with some order whatever it is told. Keys arrive nearly
/// sorted, so it is also quick.
pub(super) fn sorted(fields: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut bytewise: Vec<(&str, &Value)> = fields.iter().map(|(k, v)| (k.as_str(), v)).collect();
    bytewise.sort_unstable_by_key(|(key, _)| *key);
    let mut sorted: Vec<(&str, &Value)> = Vec::with_capacity(bytewise.len());
    for field in bytewise {
        let at = sorted
            .iter()
            .rposition(|(key, _)| !comes_before(field.0, key))
            .map_or(0, |position| position + 1);
        sorted.insert(at, field);
    }
    sorted
}

fn comes_before(a: &str, b: &str) -> bool {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let common = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (Some(&x), Some(&y)) = (a.get(common), b.get(common)) else {
        return a.len() < b.len();
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (true, false) => return false,
        (false, true) => return true,
        (false, false) => {}
    }
    // A zero behind other digits of a number is a digit like any other; one that leads is not.
    let inside_number = (x == '0' || y == '0')
        && a.iter()
            .take(common)
            .rev()
            .take_while(|c| is_digit(**c))
            .any(|c| *c != '0');
    let (number_a, digits_a) = number(&a, common, inside_number);
    let (number_b, digits_b) = number(&b, common, inside_number);
    (number_a, digits_a, x) < (number_b, digits_b, y)
}

/// Value and length of the run of digits at `from`.
fn number(text: &[char], from: usize, inside_number: bool) -> (i64, usize) {
    text.iter().skip(from).take_while(|c| is_digit(**c)).fold(
        (i64::from(inside_number), 0),
        |(value, digits), c| {
            let digit = i64::from(u32::from(*c)) - i64::from(u32::from('0'));
            (value.wrapping_mul(10).wrapping_add(digit), digits + 1)
        },
    )
}

/// ASCII digits only. Go also takes those of other scripts; no key of a Kubernetes document has any.
const fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count_as_numbers_and_letters_come_last() {
        let keys = [
            "a10", "a2", "a02", "a", "B", "b", "_x", "-x", "a-b", "ab", "a1", "1", "10", "9", "",
        ];
        let fields: Map<String, Value> = keys
            .iter()
            .map(|key| ((*key).to_owned(), Value::Null))
            .collect();
        let found: Vec<&str> = sorted(&fields).into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            found,
            [
                "", "-x", "_x", "1", "9", "10", "B", "a", "a-b", "a1", "a2", "a02", "a10", "ab",
                "b"
            ]
        );
    }

    #[test]
    fn numbers_beyond_64_bits_do_not_stop_it() {
        let long = "9".repeat(40);
        let fields: Map<String, Value> = [format!("a{long}"), format!("a1{long}"), "a5".into()]
            .into_iter()
            .map(|key| (key, Value::Null))
            .collect();
        assert_eq!(sorted(&fields).len(), 3);
    }
}
