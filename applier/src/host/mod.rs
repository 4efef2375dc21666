//! The only part of the program that touches a host.
//!
//! In: a directory handle ([`Root`]) and names relative to it. Out: what is there, and changes that are
//! durable. Nothing else in the crate opens a file, reads the clock or the environment (`clippy.toml`
//! checks), so a temporary directory is as good a host as `/`.
//!
//! | module | concern |
//! |---|---|
//! | [`path`], [`beneath`], [`root`] | paths below the root; finding directories there without being led astray by links |
//! | [`guard`], [`inode`] | what is not a destination, by whatever path it is reached |
//! | [`attributes`] | extended attributes: which outlive a change |
//! | [`directory`] | looking at what one directory holds |
//! | [`ownership`] | directories and files that count only if no other user can change them |
//! | [`durable`], [`action`] | every change, and its kinds; [`observer`] is the seam at which tests let one fail |
//! | [`stage_name`] | names of what is not finished yet |
//! | [`lock`] | one run at a time |
//! | [`local`] | files the operator names on the command line |
//! | [`scratch`] | a private directory for one run |
//! | [`clock`], [`identity`], [`process`] | time, which host this is, the process itself |
//! | [`Surroundings`] | what a run is given of these |
//! | [`tree`], [`mounts`] | whole trees that are taken away; what is mounted |
//! | [`program`], [`init`] | the host's programs: found, run, detached; its init system and services |
//! | [`system`] | what only the running system can tell: processors, ports, services, proxies, names |
//! | [`facts`], [`route`] | what a plan wants to know of the host; its addresses |

mod action;
mod attributes;
mod beneath;
pub mod clock;
pub(crate) mod directory;
pub mod durable;
pub(crate) mod ensure;
mod error;
pub(crate) mod facts;
mod guard;
pub(crate) mod identity;
pub(crate) mod init;
mod inode;
pub(crate) mod local;
pub(crate) mod lock;
pub(crate) mod mounts;
mod observer;
mod owner;
pub(crate) mod ownership;
pub(crate) mod path;
pub mod process;
pub(crate) mod program;
pub(crate) mod root;
pub(crate) mod route;
pub(crate) mod scratch;
mod stage_name;
mod surroundings;
pub(crate) mod tree;

pub(crate) use durable::{Actions, AppendFailure, Placing};
pub(crate) mod system;

pub(crate) use attributes::{Attributes, GROUP_BITS};
pub(crate) use directory::{Content, Directory, FileMeta, Found, Space};
#[cfg(test)]
pub(crate) use error::{Exposed, Exposure};
pub(crate) use error::{HostError, LinkRefusal};
pub use observer::{Change, Observer, Place, Prevented};
pub(crate) use owner::Owner;
pub(crate) use path::RootPath;
pub(crate) use root::Root;
pub(crate) use stage_name::RunTag;
pub use surroundings::Surroundings;
