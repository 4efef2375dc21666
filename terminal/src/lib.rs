//! Writes text for people so that foreign text stays text.
//!
//! Names, subjects, error messages and file content come from bundles, hosts and clusters that may be hostile. Whatever
//! they contain, a program prints one line where it means to print one line, and no character moves the cursor or
//! reverses the reading direction.
//!
//! In: text. Out: [`Text`], lines in which only printable characters are left; only [`Text`] breaks lines. Writing to a
//! stream is the caller's part, and what cannot be reviewed character by character (raw content of an entry) does not
//! come through here, except as [`escape_content`] for a terminal. JSON keeps its values: [`escape_json`] only writes
//! them with other characters.

mod escape;
mod json;
mod shell;
mod table;
mod text;

pub use escape::{Escaped, escape, escape_content};
pub use json::escape_json;
pub use shell::quote;
pub use table::{MAX_CELL, cell, table, table_with_open_end};
pub use text::Text;
