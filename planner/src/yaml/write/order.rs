//! Sorts the keys of a mapping as go-yaml does.
//!
//! In: the fields of an object. Out: the same, in the natural order go-yaml uses: at the first character
//! that differs, a letter comes after anything else, letters compare by code point, and runs of digits
//! compare as numbers (`a2` before `a10`; with leading zeros the shorter run first).

use serde_json::{Map, Value};

/// The most fields that are sorted by insertion: more than a document of Kubernetes has in one mapping.
const FEW: usize = 100;

type Field<'a> = (&'a str, &'a Value);

/// The fields in go-yaml's order.
///
/// That relation is not a total order (`v2` < `v10` < `v1a` < `v2`; Go's own output is not stable there), and the standard library
/// may panic when it sorts by such a relation. Both algorithms here always end, and give the same order if the relation is total:
/// insertion for few fields, merging for so many that insertion would take long.
pub(super) fn sorted(fields: &Map<String, Value>) -> Vec<Field<'_>> {
    let mut bytewise: Vec<Field<'_>> = fields.iter().map(|(k, v)| (k.as_str(), v)).collect();
    bytewise.sort_unstable_by_key(|(key, _)| *key);
    if bytewise.len() > FEW {
        merged(bytewise)
    } else {
        inserted(bytewise)
    }
}

/// Sorts by insertion; fields arrive nearly sorted.
fn inserted(fields: Vec<Field<'_>>) -> Vec<Field<'_>> {
    let mut sorted: Vec<Field<'_>> = Vec::with_capacity(fields.len());
    for field in fields {
        let at = sorted
            .iter()
            .rposition(|(key, _)| !comes_before(field.0, key))
            .map_or(0, |position| position + 1);
        sorted.insert(at, field);
    }
    sorted
}

/// Sorts by merging, in O(n log n) comparisons.
fn merged(mut fields: Vec<Field<'_>>) -> Vec<Field<'_>> {
    let count = fields.len();
    if count < 2 {
        return fields;
    }
    let right = merged(fields.split_off(count / 2));
    let mut right = right.into_iter().peekable();
    let mut sorted = Vec::with_capacity(count);
    for field in merged(fields) {
        while let Some(other) = right.next_if(|other| comes_before(other.0, field.0)) {
            sorted.push(other);
        }
        sorted.push(field);
    }
    sorted.extend(right);
    sorted
}

fn comes_before(a: &str, b: &str) -> bool {
    let differ = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    let Some(((common, x), y)) = differ else {
        return a.len() < b.len();
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (true, false) => return false,
        (false, true) => return true,
        (false, false) => {}
    }
    // Only leading zeros are special; a zero after other digits is an ordinary digit.
    let inside_number = (x == '0' || y == '0')
        && a.get(..common)
            .unwrap_or_default()
            .chars()
            .rev()
            .take_while(|c| is_digit(*c))
            .any(|c| c != '0');
    let (number_a, digits_a) = number(a, common, inside_number);
    let (number_b, digits_b) = number(b, common, inside_number);
    (number_a, digits_a, x) < (number_b, digits_b, y)
}

/// Value and length of the run of digits at the byte `from`.
fn number(text: &str, from: usize, inside_number: bool) -> (i64, usize) {
    let digits = text.get(from..).unwrap_or_default().chars();
    digits
        .take_while(|c| is_digit(*c))
        .fold((i64::from(inside_number), 0), |(value, digits), c| {
            let digit = i64::from(u32::from(c)) - i64::from(u32::from('0'));
            (value.wrapping_mul(10).wrapping_add(digit), digits + 1)
        })
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
    fn merging_and_insertion_agree() {
        // Letters of several scripts, signs, and a number at the end, as in the names of Kubernetes; from a fixed sequence.
        let alphabet: Vec<char> = "abzAé-_./".chars().collect();
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
            (state >> 33) % below
        };
        for numbered in [false, true] {
            let mut fields = Map::new();
            while fields.len() < 600 {
                let length = next(6);
                let mut key: String = (0..length)
                    .map(|_| alphabet[usize::try_from(next(9)).unwrap()])
                    .collect();
                if numbered {
                    key += &next(1200).to_string();
                }
                fields.insert(key, Value::Null);
            }
            let bytewise: Vec<Field<'_>> = fields.iter().map(|(k, v)| (k.as_str(), v)).collect();
            let expected = inserted(bytewise.clone());
            assert_eq!(merged(bytewise), expected);
            assert_eq!(sorted(&fields), expected);
        }
        // If the relation is not total, no field is lost.
        let fields: Map<String, Value> = (0..500)
            .map(|n| {
                (
                    format!("v{n}{}", if n % 3 == 0 { "a" } else { "" }),
                    Value::Null,
                )
            })
            .collect();
        let all: Map<String, Value> = sorted(&fields)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        assert_eq!(all, fields);
    }

    #[test]
    fn numbers_beyond_64_bits_can_be_sorted() {
        let long = "9".repeat(40);
        let fields: Map<String, Value> = [format!("a{long}"), format!("a1{long}"), "a5".into()]
            .into_iter()
            .map(|key| (key, Value::Null))
            .collect();
        assert_eq!(sorted(&fields).len(), 3);
    }
}
