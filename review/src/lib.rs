//! What both programs say of a bundle: how far it can be believed, and what is in it.
//!
//! In: a bundle whose digests hold, the judgement of a trust policy, and what only one program knows ([`More`]). Out: reports for people
//! and machines. Nothing here reads a file or decides whom to trust.
//!
//! | module | concern |
//! |---|---|
//! | [`Standing`] | how far a bundle can be believed, and why |
//! | [`View`] | what is in it: `show` |
//! | [`Verdict`] | whether it is whole and trusted: `verify` |

mod facts;
mod standing;
mod verdict;
mod view;

pub use facts::shown_recipient;
pub use standing::{Judgement, Level, Standing, in_short};
pub use verdict::Verdict;
pub use view::{More, Nothing, View};
