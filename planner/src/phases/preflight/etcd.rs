//! Checks of etcd: its data directory, and the servers of an external etcd.

use kubeplan_bundle::check::{ClientFiles, DirectoryEmpty, PathPresent, ServerVersion};

use super::row::{Made, Row};

impl Row<'_> {
    pub(super) fn local_etcd(&self, make: impl Fn(&Self) -> Made) -> Made {
        match self.config.cluster.etcd.external {
            None => make(self),
            Some(_) => Ok(Vec::new()),
        }
    }
}

pub(super) fn external_etcd_version(row: &Row<'_>) -> Made {
    let Some(external) = &row.config.cluster.etcd.external else {
        return Ok(Vec::new());
    };
    let endpoints = if external.http_endpoints.is_empty() {
        external.endpoints.clone()
    } else {
        external.http_endpoints.clone()
    };
    row.one(ServerVersion {
        endpoints,
        document: "/version".to_owned(),
        key: "etcdserver".to_owned(),
        minimum: row.config.release.external_etcd_minimum.to_owned(),
        tls: ClientFiles {
            ca: external.ca_file.clone(),
            certificate: external.cert_file.clone(),
            key: external.key_file.clone(),
        },
    })
}

pub(super) fn data_dir(row: &Row<'_>) -> Made {
    row.local_etcd(|row| match &row.config.cluster.etcd.local {
        Some(local) => row.at_path(&local.data_dir, |path| DirectoryEmpty { path }),
        None => Ok(Vec::new()),
    })
}

pub(super) fn external_etcd_files(row: &Row<'_>) -> Made {
    let fetched = row.join().is_some_and(|join| join.certificate_key);
    let Some(external) = row
        .config
        .cluster
        .etcd
        .external
        .as_ref()
        .filter(|_| !fetched)
    else {
        return Ok(Vec::new());
    };
    let mut checks = Vec::new();
    for file in [&external.ca_file, &external.cert_file, &external.key_file] {
        if !file.is_empty() {
            checks.extend(row.one(PathPresent {
                path: file.parse()?,
            })?);
        }
    }
    Ok(checks)
}
