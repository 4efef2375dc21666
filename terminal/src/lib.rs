//! The output of both programs: streams, errors with hints, reports for people and machines, and escaping of foreign text.
//!
//! Names, subjects, error messages and file content come from bundles, hosts and clusters that may be hostile. Whatever
//! they contain, a program prints one line where it means to print one line, and no character moves the cursor or
//! reverses the reading direction.
//!
//! In: text. Out: [`Text`], lines in which only printable characters are left; only [`Text`] breaks lines. [`Io`] alone writes to
//! a stream, and takes nothing else; raw content of an entry goes through [`Io::content`]. JSON keeps its values: [`escape_json`]
//! writes some characters as escapes.
//!
//! | verb of [`Io`] | what it writes |
//! |---|---|
//! | `print`, `content`, `json`, `document`, `report` | the result, on standard output |
//! | `say`, `tell`, `note`, `notes`, `error`, `usage` | messages, on standard error |
//! | `ask`, `prompt`, `answer`, `secret` | questions and answers |
//! | `progress`, `event`, [`Progress`] | progress |

mod advice;
mod error;
mod escape;
mod habits;
mod io;
mod json;
mod progress;
mod report;
mod shell;
mod table;
mod text;
mod usage;
mod version;

pub use advice::{Advice, Hint, causes, details, hints, innermost, list, with_causes};
pub use error::CliError;
pub use escape::{Escaped, escape, escape_content};
pub use habits::{HABITS, Habit};
pub use io::{Buffer, Io, Stream, Terminals};
pub use json::escape_json;
pub use progress::Progress;
pub use report::{Format, Report};
pub use shell::quote;
pub use table::{MAX_CELL, cell, table, table_with_open_end};
pub use text::Text;
pub use version::long_version;
