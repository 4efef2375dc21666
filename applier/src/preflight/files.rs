//! Files, directories and programs below the root.

use kubeplan_bundle::check::{
    DirectoryEmpty, Executable, FileBegins, NoSwap, PathAbsent, PathPresent, SwapAllowed,
};

use super::cgroups::{self, Cgroups};
use super::kinds::Explained::{ByNode, ByPath, Never};
use super::kinds::Needs::{Live, Tree};
use super::kinds::{Looking, Row};
use super::{CannotLook, Looked, View, found, found_if, passed};
use crate::host::{Found, RootPath};

/// Far more than any file of the kernel that is looked at here has.
const LIMIT: u64 = 1024 * 1024;

const SWAPS: RootPath = RootPath::fixed("/proc/swaps");

/// Nothing is at the path.
impl Looking for PathAbsent {
    const ROW: Row = Row::new(Tree, ByPath, "the path below the root");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { path } = self;
        let there = view.root.look(&path.into())? != Found::Missing;
        found_if(there, || format!("{path} already exists"))
    }
}

/// Something is at the path.
impl Looking for PathPresent {
    const ROW: Row = Row::new(Live, Never, "the path below the root");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { path } = self;
        let missing = view.root.look(&path.into())? == Found::Missing;
        found_if(missing, || format!("{path} does not exist"))
    }
}

/// The directory is empty, or is not there.
impl Looking for DirectoryEmpty {
    const ROW: Row = Row::new(Tree, ByNode, "the directory below the root");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { path } = self;
        let Some(directory) = view.root.view(&path.into())? else {
            return passed();
        };
        let names = directory.names()?;
        found_if(!names.is_empty(), || format!("{path} is not empty"))
    }
}

/// The file begins with the text.
impl Looking for FileBegins {
    const ROW: Row = Row::new(Live, Never, "the first bytes of the file below the root");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { path, text } = self;
        match view.root.read(&path.into(), LIMIT)? {
            None => found(format!("{path} does not exist")),
            Some(content) => found_if(!content.expose().starts_with(text.as_bytes()), || {
                format!("{path} does not say {text}")
            }),
        }
    }
}

/// The program is found in the search path, and can be run.
impl Looking for Executable {
    const ROW: Row = Row::new(Live, Never, "the directories of PATH below the root");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { program } = self;
        let mut trouble = None;
        for directory in view.system.search_path() {
            let path = RootPath::from_text(&directory).join(program);
            match view.root.look(&path) {
                Ok(Found::File(meta)) if meta.mode & 0o111 != 0 => return passed(),
                Ok(_) => {}
                Err(error) => trouble = Some(CannotLook::from(error)),
            }
        }
        match trouble {
            Some(reason) => Err(reason),
            None => found(format!("{program} is not found in PATH")),
        }
    }
}

/// The kernel swaps to nothing. As in kubeadm a kernel that does not say does not swap.
impl Looking for NoSwap {
    const ROW: Row = Row::new(Live, Never, "/proc/swaps");

    fn look(&self, view: &View<'_>) -> Looked {
        found_if(swap_is_used(view), || {
            "swap is in use, and the planned kubelet does not start with it: turn it off, or plan KubeletConfiguration with `failSwapOn: false`".to_owned()
        })
    }
}

/// The kubelet starts with swap; only cgroups v2 can limit it.
impl Looking for SwapAllowed {
    const ROW: Row = Row::new(Live, Never, "/proc/swaps, cgroups");

    fn look(&self, view: &View<'_>) -> Looked {
        if !swap_is_used(view) {
            return passed();
        }
        found_if(cgroups::find(view.root)? == Cgroups::V1, || {
            "swap is in use, and the host has cgroups v1, with which nothing limits it: use cgroups v2".to_owned()
        })
    }
}

/// Whether the kernel lists a swap area. As in kubeadm, no answer is no swap.
fn swap_is_used(view: &View<'_>) -> bool {
    let Ok(Some(text)) = view.root.read_text(&SWAPS, LIMIT) else {
        return false;
    };
    text.lines().filter(|line| !line.trim().is_empty()).count() > 1
}
