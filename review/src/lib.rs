//! Reports about a bundle, the same in both programs: whether it is trusted, and what it contains.
//!
//! In: a bundle whose digests hold, the judgement of a trust policy, and what one program adds ([`More`]). Out: reports for people
//! and machines. This crate does not read files and does not judge trust.
//!
//! | module | concern |
//! |---|---|
//! | [`Standing`] | UNSIGNED, UNTRUSTED or TRUSTED, and why |
//! | [`View`] | the content of a bundle: `show` |
//! | [`Verdict`] | whether a bundle is intact and trusted: `verify` |
//! | [`copy_again`] | the next step when a bundle is damaged |

mod damage;
mod facts;
mod standing;
mod verdict;
mod view;

pub use damage::copy_again;
pub use facts::shown_recipient;
pub use standing::{Judgement, Level, Standing, in_short};
pub use verdict::Verdict;
pub use view::{More, Nothing, View};
