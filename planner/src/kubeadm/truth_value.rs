//! Truth values of flags, as Go's strconv.ParseBool reads them.

/// The truth value that `text` stands for; `None` if a component with such a flag exits.
#[must_use]
pub fn parse(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
