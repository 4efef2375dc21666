//! Kernel and operating system: release, options, cgroups.
//!
//! kubeadm loads the kernel module `configs` when it finds no configuration; here nothing is loaded, and the check says so.

use std::collections::BTreeMap;
use std::io::Read as _;

use kubeplan_bundle::check::{KernelOption, Severity, SystemRequirements};

use super::cgroups::{self, Cgroups};
use super::kinds::Explained::Never;
use super::kinds::Needs::Live;
use super::kinds::{Looking, Row};
use super::{CannotLook, Finding, Looked, View, version};
use crate::host::RootPath;

/// Bytes of a kernel's configuration, unpacked.
const LIMIT: u64 = 4 * 1024 * 1024;

const PACKED: RootPath = RootPath::fixed("/proc/config.gz");

/// Where the configuration of the kernel `release` can lie, in the order in which it is looked for
/// (kubernetes/system-validators, `kernel_validator.go`).
fn sources(release: &str) -> [String; 8] {
    [
        format!("/boot/config-{release}"),
        format!("/usr/src/linux-{release}/.config"),
        "/usr/src/linux/.config".to_owned(),
        format!("/usr/lib/modules/{release}/config"),
        format!("/usr/lib/ostree-boot/config-{release}"),
        format!("/usr/lib/kernel/config-{release}"),
        format!("/usr/src/linux-headers-{release}/.config"),
        format!("/lib/modules/{release}/build/.config"),
    ]
}

/// Whether kernel and cgroups suffice for a kubelet.
impl Looking for SystemRequirements {
    const ROW: Row = Row::new(
        Live,
        Never,
        "uname, the kernel's configuration, /proc/mounts, the controllers of cgroups",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        let wanted = self;
        let kernel = view.system.kernel();
        let mut findings = Vec::new();
        if !wanted.lists(&kernel.release) {
            let message = format!("the kernel release {} is not supported", kernel.release);
            findings.push(match wanted.kernel_severity {
                Severity::Warning => Finding::Warning(message),
                Severity::Error => Finding::Error(message),
            });
        }
        if kernel.name != wanted.os {
            findings.push(Finding::Error(format!(
                "the operating system is {}, not {}",
                kernel.name, wanted.os
            )));
        }
        let cgroups = cgroups::find(view.root);
        // Nothing below is a warning of the bundle's choice: what is missing, the kubelet cannot do without.
        let mut unknown = |CannotLook(reason): CannotLook| findings.push(Finding::Error(reason));
        let of_version = match &cgroups {
            Ok(Cgroups::V1) => wanted.options_v1.as_slice(),
            Ok(Cgroups::V2 { .. }) => wanted.options_v2.as_slice(),
            Err(_) => &[],
        };
        match missing_options(view, &kernel.release, wanted, of_version) {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => findings.push(Finding::Error(format!(
                "the kernel lacks {}",
                missing.join(", ")
            ))),
            Err(reason) => unknown(reason),
        }
        match cgroups.and_then(|cgroups| cgroups::judge(&cgroups, wanted, view)) {
            Ok(more) => findings.extend(more),
            Err(CannotLook(reason)) => findings.push(Finding::Error(reason)),
        }
        // As in kubeadm the check needs the kubelet even where its version decides nothing.
        if let Err(CannotLook(reason)) = version::of_program(view, &wanted.program) {
            let finding = Finding::Error(reason);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        Ok(findings)
    }
}

/// Options that the kernel was not built with.
fn missing_options(
    view: &View<'_>,
    release: &str,
    wanted: &SystemRequirements,
    of_version: &[KernelOption],
) -> Result<Vec<String>, CannotLook> {
    let text = configuration(view, release)?;
    let set: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("CONFIG_")?.split_once('='))
        .collect();
    let built = |name: &str| matches!(set.get(name), Some(&("y" | "m")));
    Ok(wanted
        .options
        .iter()
        .chain(of_version)
        .filter(|option| !built(&option.name) && !option.aliases.iter().any(|name| built(name)))
        .map(|option| format!("CONFIG_{}", option.name))
        .collect())
}

/// The text of the kernel's configuration.
fn configuration(view: &View<'_>, release: &str) -> Result<String, CannotLook> {
    if let Some(packed) = view.root.read(&PACKED, LIMIT)? {
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.expose())
            .take(LIMIT)
            .read_to_string(&mut text)
            .map_err(|error| CannotLook(format!("{PACKED} cannot be read: {error}")))?;
        return Ok(text);
    }
    if !release.contains('/') {
        for path in sources(release) {
            if let Some(text) = view.root.read_text(&RootPath::from_text(&path), LIMIT)? {
                return Ok(text);
            }
        }
    }
    Err(CannotLook(format!(
        "the configuration of the kernel {release} is not found in {PACKED}, in /boot or beside its modules: load the module with `modprobe configs`, or install the distribution's file"
    )))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Host, kernel_config, requirements};
    use super::*;

    #[test]
    fn the_first_configuration_that_exists_counts() {
        let host = Host::new();
        let options = |host: &Host| {
            host.view(|view| {
                missing_options(view, "6.12.3", &requirements(), &requirements().options_v2)
            })
        };
        assert!(options(&host).unwrap_err().0.contains("not found"));
        for path in sources("6.12.3").iter().rev() {
            host.write(path, &kernel_config(&[]));
            assert_eq!(options(&host).unwrap(), Vec::<String>::new(), "{path}");
            host.write(path, &kernel_config(&["CONFIG_MEMCG"]));
            assert_eq!(options(&host).unwrap(), ["CONFIG_MEMCG"], "{path}");
        }
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, kernel_config(&["CONFIG_INET"]).as_bytes()).unwrap();
        host.write_bytes("/proc/config.gz", &packed.finish().unwrap());
        assert_eq!(options(&host).unwrap(), ["CONFIG_INET"]);
        // Another name of an option, and a module, will do.
        let text = kernel_config(&["CONFIG_NETFILTER_XT_TARGET_REDIRECT"])
            + "CONFIG_IP_NF_TARGET_REDIRECT=m\n";
        host.remove("/proc/config.gz");
        host.write("/boot/config-6.12.3", &text);
        assert_eq!(options(&host).unwrap(), Vec::<String>::new());
        host.write_bytes("/proc/config.gz", b"not gzip");
        assert!(options(&host).unwrap_err().0.contains("cannot be read"));
    }
}
