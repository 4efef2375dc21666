//! The byte form of a journal.
//!
//! One line for each record: `<number> <length> <check> <record>`, where the record is canonical JSON of `length` bytes and
//! `check` the first 32 hex digits of SHA-256 over the check before, the number and the record. A line can so be neither
//! changed, removed, moved nor repeated without being noticed, except the last ones of a file.
//!
//! Each line is durable before the next is written, so only the last one can be incomplete: it has no line feed, or
//! holds bytes that never arrived (zeros). It says nothing then, for what it was to say had not become certain. Anything else that does not
//! fit is damage, and nothing is concluded from a damaged journal.

use kubeplan_bundle::canonical;
use kubeplan_bundle::digest::Sha256Digest;

use super::record::Record;

/// Hex digits of a check.
const CHECK: usize = 32;

/// Where the next line goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// Number of the next record, from 0.
    pub(super) number: u64,
    /// Bytes so far.
    pub(super) length: u64,
    check: String,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Lines {
    /// The records.
    pub(super) records: Vec<Record>,
    /// Where the next one goes.
    pub(super) end: End,
    /// Whether an incomplete line follows.
    pub(super) torn: bool,
}

/// A line that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Number of the record, from 0.
    pub(super) number: u64,
    /// What does not fit.
    pub(super) rule: &'static str,
}

impl End {
    /// The line for `record`, and where the one after it goes.
    ///
    /// # Errors
    /// If the record has no canonical form.
    pub(super) fn line(
        &self,
        record: &Record,
    ) -> Result<(Vec<u8>, Self), canonical::CanonicalError> {
        let text = canonical::to_vec(record)?;
        let body = text.strip_suffix(b"\n").unwrap_or(&text);
        let check = check(&self.check, self.number, body);
        let mut line = format!("{} {} {check} ", self.number, body.len()).into_bytes();
        line.extend_from_slice(body);
        line.push(b'\n');
        let end = Self {
            number: self.number.saturating_add(1),
            length: self.length.saturating_add(line.len() as u64),
            check,
        };
        Ok((line, end))
    }
}

fn check(before: &str, number: u64, body: &[u8]) -> String {
    let digest = Sha256Digest::of_parts(&[
        before.as_bytes(),
        b"\n",
        number.to_string().as_bytes(),
        b"\n",
        body,
    ]);
    digest.to_string().chars().take(CHECK).collect()
}

/// Reads a whole journal.
///
/// # Errors
/// [`Damage`].
pub(super) fn read(bytes: &[u8]) -> Result<Lines, Damage> {
    let mut lines = Lines {
        records: Vec::new(),
        end: End::default(),
        torn: false,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, next) = match end {
            Some(at) => (
                rest.get(..at).unwrap_or_default(),
                rest.get(at + 1..).unwrap_or_default(),
            ),
            None => {
                lines.torn = true;
                return Ok(lines);
            }
        };
        match read_line(&lines.end, line) {
            Ok((record, end)) => {
                lines.records.push(record);
                lines.end = end;
            }
            // Zeros reach to the end of the file: a block that was never written.
            Err(_) if rest.contains(&0) && !has_record_after(&lines.end, rest) => {
                lines.torn = true;
                return Ok(lines);
            }
            Err(rule) => {
                return Err(Damage {
                    number: lines.end.number,
                    rule,
                });
            }
        }
        rest = next;
    }
    Ok(lines)
}

/// Whether a line with the number of the next record but one, or a later one, begins somewhere.
fn has_record_after(end: &End, rest: &[u8]) -> bool {
    let mut lines = rest.split(|byte| *byte == b'\n');
    lines.next();
    lines.any(|line| {
        let number = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        std::str::from_utf8(number)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .is_some_and(|number| number > end.number)
    })
}

fn read_line(before: &End, line: &[u8]) -> Result<(Record, End), &'static str> {
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let mut field = || {
        fields
            .next()
            .and_then(|field| std::str::from_utf8(field).ok())
    };
    let (number, length, found, body) = match (field(), field(), field(), field()) {
        (Some(number), Some(length), Some(found), Some(body)) => (number, length, found, body),
        _ => return Err("it is not a line of four parts"),
    };
    if number != before.number.to_string() {
        return Err("it has the wrong number");
    }
    if length != body.len().to_string() {
        return Err("it has the wrong length");
    }
    if found != check(&before.check, before.number, body.as_bytes()) {
        return Err("its checksum is wrong");
    }
    let record: Record = canonical::from_slice(format!("{body}\n").as_bytes())
        .map_err(|_| "it says what this version does not know, or has a path or a mode that is never recorded")?;
    let (again, end) = before
        .line(&record)
        .map_err(|_| "it is not in its one form")?;
    if again.strip_suffix(b"\n") != Some(line) {
        return Err("it is not in its one form");
    }
    Ok((record, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(count: u32) -> Vec<u8> {
        let mut end = End::default();
        let mut bytes = Vec::new();
        for transaction in 0..count {
            let (line, next) = end.line(&Record::Prepared { transaction }).unwrap();
            bytes.extend(line);
            end = next;
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let lines = read(&journal(3)).unwrap();
        assert_eq!(lines.records.len(), 3);
        assert_eq!(lines.records[2], Record::Prepared { transaction: 2 });
        assert_eq!(lines.end.length, journal(3).len() as u64);
        assert!(!lines.torn);
        assert!(read(b"").unwrap().records.is_empty());
    }

    #[test]
    fn an_incomplete_last_line_says_nothing() {
        let (two, three) = (journal(2), journal(3));
        for length in two.len() + 1..three.len() {
            let lines = read(&three[..length]).unwrap();
            assert_eq!((lines.records.len(), lines.torn), (2, true), "{length}");
            assert_eq!(lines.end.length, two.len() as u64);
            // The length became durable before the bytes did.
            let mut zeros = three[..length].to_vec();
            zeros.resize(three.len() + 7, 0);
            let lines = read(&zeros).unwrap();
            assert_eq!((lines.records.len(), lines.torn), (2, true), "{length}");
        }
    }

    #[test]
    fn every_other_change_is_damage() {
        let good = journal(3);
        for at in 0..good.len() - 1 {
            for bit in [1, 0x40] {
                let mut bad = good.clone();
                bad[at] ^= bit;
                assert!(read(&bad).is_err(), "byte {at} bit {bit}");
            }
        }
        let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
        for order in [&[1, 2][..], &[0, 2], &[0, 1, 1, 2], &[1, 0, 2]] {
            let bad: Vec<u8> = order.iter().flat_map(|at| lines[*at].to_vec()).collect();
            assert!(read(&bad).is_err(), "{order:?}");
        }
        let mut zeros_inside = good.clone();
        zeros_inside[3..20].fill(0);
        assert!(read(&zeros_inside).is_err());
    }
}
