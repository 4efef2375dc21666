//! Modes of files and directories, as records have them.

use serde::{Deserialize, Serialize};

/// Permission bits, written as four octal digits.
///
/// Those of a file that is looked at may be any. A record that is read has the nine that a bundle can have: a set-user-ID,
/// set-group-ID or sticky bit is never written, so one that is found there was, by hand or by an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Bits(u32);

impl Bits {
    /// From what `stat` says.
    pub(crate) const fn new(mode: u32) -> Self {
        Self(mode & 0o7777)
    }

    /// As for `chmod`.
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl From<Bits> for String {
    fn from(bits: Bits) -> Self {
        format!("{:04o}", bits.0)
    }
}

impl TryFrom<String> for Bits {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 4
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(bits) = u32::from_str_radix(&text, 8)
            && bits & !0o777 == 0
        {
            return Ok(Self(bits));
        }
        Err(format!(
            "`{}` is not a mode that is recorded (four octal digits, `0000` to `0777`)",
            text.escape_debug().take(20).collect::<String>()
        ))
    }
}
