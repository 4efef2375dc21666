//! The flags of `kubeadm join` that set fields of JoinConfiguration.
//!
//! In: flags of `kubeadm init`. Out: the flags of `kubeadm join` with the same names. Discovery has no flags here, because it
//! comes before a join is planned. Source: kubeadm v1.36.2, cmd/kubeadm/app/cmd/join.go.

use super::Form::{Bool, Int32, Override, Secret, Text, Union};
use super::{Flag, Given, flag};
use crate::schema::Kind::Join;

/// Every flag, in alphabetical order. The help is in the table of `kubeadm init`.
#[rustfmt::skip]
static FLAGS: &[Flag] = &[
    flag("apiserver-advertise-address", "", Text, Join, "controlPlane.localAPIEndpoint.advertiseAddress", ""),
    flag("apiserver-bind-port", "", Int32, Join, "controlPlane.localAPIEndpoint.bindPort", ""),
    flag("certificate-key", "", Secret, Join, "controlPlane.certificateKey", ""),
    flag("cri-socket", "", Text, Join, "nodeRegistration.criSocket", ""),
    flag("dry-run", "", Bool, Join, "dryRun", "").beside_file(),
    flag("ignore-preflight-errors", "", Union, Join, "nodeRegistration.ignorePreflightErrors", "").beside_file(),
    flag("node-name", "", Text, Join, "nodeRegistration.name", "").beside_file(),
    flag("patches", "", Text, Join, "patches.directory", "").beside_file(),
    flag("skip-phases", "", Override, Join, "skipPhases", "").beside_file(),
    flag("token", "", Secret, Join, "discovery.tlsBootstrapToken", ""),
];

/// Flags that apply to control-plane nodes only.
const OF_CONTROL_PLANES: &[&str] = &[
    "apiserver-advertise-address",
    "apiserver-bind-port",
    "certificate-key",
];

/// Returns the flags in `given` as flags of `kubeadm join`; and, for a worker, the names of flags that apply to control-plane nodes
/// only and are ignored, as with kubeadm.
///
/// # Errors
/// The names of flags that `kubeadm join` does not have.
pub fn of_join(
    given: &[Given],
    control_plane: bool,
) -> Result<(Vec<Given>, Vec<&'static str>), Vec<&'static str>> {
    let mut known = Vec::new();
    let mut unused = Vec::new();
    let mut unknown = Vec::new();
    for Given { flag, texts } in given {
        let name = flag.name;
        if !control_plane && OF_CONTROL_PLANES.contains(&name) && flag.form != Secret {
            unused.push(name);
        } else if let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) {
            let texts = texts.clone();
            known.push(Given { flag, texts });
        } else {
            unknown.push(name);
        }
    }
    if unknown.is_empty() {
        Ok((known, unused))
    } else {
        Err(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str) -> Given {
        let flag = super::super::FLAGS.iter().find(|flag| flag.name == name);
        let texts = vec!["x".to_owned()];
        Given {
            flag: flag.unwrap(),
            texts,
        }
    }

    #[test]
    fn every_flag_is_also_a_flag_of_init_with_the_same_form() {
        for join in FLAGS {
            let init = super::super::FLAGS
                .iter()
                .find(|init| init.name == join.name);
            let init = init.unwrap();
            assert_eq!(
                (init.form, init.beside_file),
                (join.form, join.beside_file),
                "{}",
                join.name
            );
        }
        assert!(FLAGS.is_sorted_by_key(|flag| flag.name));
    }

    #[test]
    fn flags_of_init_alone_are_refused_and_control_plane_flags_of_a_worker_ignored() {
        let all = [given("node-name"), given("apiserver-bind-port")];
        let (known, unused) = of_join(&all, false).unwrap();
        assert_eq!(known.len(), 1);
        assert_eq!(
            known[0].flag.field(),
            "JoinConfiguration.nodeRegistration.name"
        );
        assert_eq!(unused, ["apiserver-bind-port"]);
        assert_eq!(of_join(&all, true).unwrap().0.len(), 2);
        let wrong = [
            given("node-name"),
            given("pod-network-cidr"),
            given("kubernetes-version"),
        ];
        assert_eq!(
            of_join(&wrong, true).unwrap_err(),
            ["pod-network-cidr", "kubernetes-version"]
        );
    }
}
