//! The errors of the rest of the crate as what a command ends with: the only place that gives them exit codes.
//!
//! Messages, hints and lines come from the errors themselves ([`kubeplan_terminal::Advice`]). Each `match` names every variant, so an
//! error that is new has no exit code until it is written here.

use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::CliError;

use crate::admission::Refused;
use crate::discovery::DiscoveryError;
use crate::host::HostError;
use crate::install::{BundleError, InstallError};
use crate::preflight::{ChecksFailed, IgnoreError};
use crate::reset::ResetError;
use crate::state::StateError;
use crate::steps::StepError;
use crate::trust::TrustError;

/// How a command ends that an error stopped.
trait Ends {
    fn exit(&self) -> Exit;
}

macro_rules! ends {
    ($($error:ty),*) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::new(error.exit(), error)
            }
        }
    )*};
}

ends!(
    HostError,
    StateError,
    TrustError,
    BundleError,
    Refused,
    IgnoreError,
    ChecksFailed,
    InstallError,
    ResetError
);

impl Ends for HostError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Ends for BundleError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }
}

impl Ends for Refused {
    fn exit(&self) -> Exit {
        Exit::Refused
    }
}

impl Ends for IgnoreError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Ends for ChecksFailed {
    fn exit(&self) -> Exit {
        Exit::Preflight
    }
}

impl Ends for StateError {
    fn exit(&self) -> Exit {
        match self {
            Self::Locked(_) => Exit::Locked,
            Self::Host(error) => error.exit(),
            Self::Damaged { .. }
            | Self::Format { .. }
            | Self::Journal { .. }
            | Self::Receipt { .. }
            | Self::NoBackup { .. }
            | Self::BadBackup { .. }
            | Self::NoRun { .. }
            | Self::Length { .. }
            | Self::NoSalt { .. } => Exit::Failed,
        }
    }
}

impl Ends for TrustError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unusable(_)
            | Self::Signers { .. }
            | Self::List(_)
            | Self::Asked(_)
            | Self::Policy { .. }
            | Self::PolicyExists { .. } => Exit::Usage,
            Self::Exposed(_)
            | Self::NoSigners { .. }
            | Self::PolicyMissing { .. }
            | Self::LiveJoin(_)
            | Self::OtherPlan { .. }
            | Self::JoinKey(_)
            | Self::JoinSigner(_)
            | Self::JoinList(_) => Exit::Refused,
            Self::Locked(_) => Exit::Locked,
            Self::Host(error) => error.exit(),
            Self::State(error) => error.exit(),
        }
    }
}

impl Ends for InstallError {
    fn exit(&self) -> Exit {
        match self {
            Self::Phase(_)
            | Self::NoSuchFile(_)
            | Self::NoSuchObject(_)
            | Self::ConfirmAfterInterruption(_)
            | Self::ConfirmFirst(_)
            | Self::Unanswered(_) => Exit::Usage,
            Self::Unreadable(_)
            | Self::NotResumed { .. }
            | Self::Identity(_)
            | Self::Sealed { .. }
            | Self::NoContent(_) => Exit::Refused,
            Self::NeedsRoot { .. }
            | Self::ReceiptKey { .. }
            | Self::Obstacles { .. }
            | Self::NotAsPlanned { .. }
            | Self::Unconfirmed { .. }
            | Self::TooLarge(_) => Exit::Preflight,
            Self::Declined | Self::Path(_) | Self::NoSupervisor { .. } | Self::NoSalt => {
                Exit::Failed
            }
            Self::PartWay { .. } | Self::Live { .. } => Exit::Partial,
            Self::Bundle(error) => error.exit(),
            Self::Trust(error) => error.exit(),
            Self::Admission(error) => error.exit(),
            Self::Ignore(error) => error.exit(),
            Self::Checks(error) => error.exit(),
            Self::State(error) => error.exit(),
            Self::Host(error) => error.exit(),
        }
    }
}

impl Ends for ResetError {
    fn exit(&self) -> Exit {
        match self {
            Self::Certificates(_) | Self::NotInstalled { .. } | Self::Unanswered(_) => Exit::Usage,
            Self::NeedsRoot(_)
            | Self::Member { .. }
            | Self::Membership { .. }
            | Self::Kubelet { .. }
            | Self::Mounts(_)
            | Self::Pods { .. } => Exit::Preflight,
            Self::Declined | Self::Outdated(_) => Exit::Failed,
            Self::PartWay { .. } | Self::Stays { .. } => Exit::Partial,
            Self::State(error) => error.exit(),
            Self::Host(error) => error.exit(),
        }
    }
}

impl Ends for DiscoveryError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotSigned { .. }
            | Self::WrongSignature { .. }
            | Self::WrongPin { .. }
            | Self::Unpinned { .. }
            | Self::NotAuthority { .. }
            | Self::Stranger { .. }
            | Self::Tampered { .. }
            | Self::Unknown { .. }
            | Self::CertificateKey { .. } => Exit::Refused,
            Self::Step(StepError::NodeExists(_)) => Exit::Preflight,
            Self::Host(error) => error.exit(),
            Self::Step(_)
            | Self::Runtime(_)
            | Self::Credentials { .. }
            | Self::TimedOut { .. }
            | Self::Unusable { .. }
            | Self::Forbidden { .. }
            | Self::Missing { .. }
            | Self::MissingCertificate { .. }
            | Self::NotCopied { .. }
            | Self::Program { .. }
            | Self::Facts(_)
            | Self::Observer(_) => Exit::Failed,
        }
    }
}

impl From<DiscoveryError> for CliError {
    fn from(error: DiscoveryError) -> Self {
        let hints = error.hints();
        let exit = error.exit();
        hints.into_iter().fold(Self::new(exit, error), Self::hint)
    }
}
