//! A CA outside the planner: made and run by rcgen, or by openssl.
//!
//! In: signing requests and the usages their table names. Out: certificates. Valid from the start of 2026 to the end of
//! 2035, so that programs that read the machine's clock take them too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// The CAs as files of the store, with kubeadm's names.
pub const AUTHORITIES: [(&str, &str); 3] = [
    ("ca", "ca"),
    ("front-proxy-ca", "front-proxy-ca"),
    ("etcd/ca", "etcd-ca"),
];

/// A configuration with quick keys.
pub const CONFIG: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 192.168.10.11
nodeRegistration:
  name: cp1
bootstrapTokens:
- token: abcdef.0123456789abcdef
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
controlPlaneEndpoint: api.example.com:6443
encryptionAlgorithm: ECDSA-P256
";

/// A CA that signs requests.
pub trait OutsideCa {
    /// Its certificate, and whatever stands above it, as PEM.
    fn certificate(&self) -> String;

    /// Signs `request` for a certificate with `usages` (`serverAuth`, `clientAuth`).
    ///
    /// # Errors
    /// If the request cannot be read or signed.
    fn sign(&self, request: &str, usages: &[String]) -> Result<String>;
}

/// A CA of rcgen.
pub struct RcgenCa {
    /// Its certificate, then those above it.
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl RcgenCa {
    /// A self-signed CA.
    ///
    /// # Errors
    /// If rcgen fails.
    pub fn new(name: &str) -> Result<Self> {
        let params = Self::params(name);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// A CA whose certificate this one signs.
    ///
    /// # Errors
    /// If rcgen fails.
    pub fn below(&self, name: &str) -> Result<Self> {
        let params = Self::params(name);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem() + &self.certificate;
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2036, 1, 1);
        params
    }
}

impl OutsideCa for RcgenCa {
    fn certificate(&self) -> String {
        self.certificate.clone()
    }

    fn sign(&self, request: &str, usages: &[String]) -> Result<String> {
        let mut request = CertificateSigningRequestParams::from_pem(request)?;
        let params = &mut request.params;
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2036, 1, 1);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = usages
            .iter()
            .map(|usage| match usage.as_str() {
                "serverAuth" => Ok(ExtendedKeyUsagePurpose::ServerAuth),
                "clientAuth" => Ok(ExtendedKeyUsagePurpose::ClientAuth),
                other => anyhow::bail!("unknown usage {other}"),
            })
            .collect::<Result<_>>()?;
        Ok(request.signed_by(&self.issuer)?.pem())
    }
}

/// One CA of rcgen for each of [`AUTHORITIES`].
pub struct Three(pub [RcgenCa; 3]);

impl Three {
    /// Makes them.
    ///
    /// # Errors
    /// If rcgen fails.
    pub fn new() -> Result<Self> {
        Ok(Self([
            RcgenCa::new("corporate-kubernetes")?,
            RcgenCa::new("corporate-front-proxy")?,
            RcgenCa::new("corporate-etcd")?,
        ]))
    }

    /// Each with its file in the key store.
    #[must_use]
    pub fn cas(&self) -> Vec<(&'static str, &dyn OutsideCa)> {
        let bases = AUTHORITIES.iter().map(|(base, _)| *base);
        bases
            .zip(self.0.iter().map(|ca| ca as &dyn OutsideCa))
            .collect()
    }
}

/// An intermediate CA of openssl below a root, with the attributes and the text companies put into certificates.
pub struct OpensslCa {
    directory: PathBuf,
}

impl OpensslCa {
    /// Makes both in `directory`.
    ///
    /// # Errors
    /// If openssl fails.
    pub fn new(directory: &Path, name: &str) -> Result<Self> {
        let ca = Self {
            directory: directory.join(name),
        };
        fs::create_dir_all(&ca.directory)?;
        fs::write(ca.directory.join("ca.conf"), OPENSSL_CA)?;
        fs::write(ca.directory.join("index.txt"), "")?;
        fs::write(ca.directory.join("serial"), "1000\n")?;
        for (part, algorithm) in [("root", "rsa:3072"), ("issuing", "rsa:2048")] {
            let subject = format!("/C=DE/O=Example/OU=Security/CN={name}-{part}");
            let (key, request) = (format!("{part}.key"), format!("{part}.csr"));
            ca.openssl(&[
                "req", "-new", "-newkey", algorithm, "-nodes", "-subj", &subject, "-keyout", &key,
                "-out", &request,
            ])?;
        }
        let extensions = "keyUsage=critical,keyCertSign\nbasicConstraints=critical,CA:TRUE";
        ca.issue(&["-selfsign", "-keyfile", "root.key"], "root", extensions)?;
        let extensions = format!("{extensions},pathlen:0");
        ca.issue(
            &["-cert", "root.crt", "-keyfile", "root.key"],
            "issuing",
            &extensions,
        )?;
        Ok(ca)
    }

    /// Has the CA named in `by` sign `<name>.csr`; the result is `<name>.crt`, with readable text in front.
    fn issue(&self, by: &[&str], name: &str, extensions: &str) -> Result<String> {
        fs::write(self.directory.join("extensions"), format!("{extensions}\n"))?;
        let (request, certificate) = (format!("{name}.csr"), format!("{name}.crt"));
        let mut args = vec![
            "ca",
            "-batch",
            "-config",
            "ca.conf",
            "-preserveDN",
            "-extfile",
            "extensions",
        ];
        args.extend(["-in", &request, "-out", &certificate]);
        args.extend(by);
        self.openssl(&args)?;
        Ok(fs::read_to_string(self.directory.join(certificate))?)
    }

    fn openssl(&self, args: &[&str]) -> Result<String> {
        let output = Command::new("openssl")
            .args(args)
            .current_dir(&self.directory)
            .output()
            .context("starting openssl")?;
        let err = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "openssl {args:?}: {err}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The root's certificate alone.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn root(&self) -> Result<String> {
        Ok(fs::read_to_string(self.directory.join("root.crt"))?)
    }

    /// The issuing CA's certificate alone.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn issuing(&self) -> Result<String> {
        Ok(fs::read_to_string(self.directory.join("issuing.crt"))?)
    }
}

impl OutsideCa for OpensslCa {
    fn certificate(&self) -> String {
        let parts = [self.issuing(), self.root()];
        parts.into_iter().map(Result::unwrap_or_default).collect()
    }

    fn sign(&self, request: &str, usages: &[String]) -> Result<String> {
        fs::write(self.directory.join("request.csr"), request)?;
        self.openssl(&["req", "-in", "request.csr", "-noout", "-verify"])?;
        let extensions = format!(
            "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage={}\nbasicConstraints=critical,CA:FALSE",
            usages.join(",")
        );
        self.issue(
            &["-cert", "issuing.crt", "-keyfile", "issuing.key"],
            "request",
            &extensions,
        )
    }
}

/// What `openssl ca` needs to know.
const OPENSSL_CA: &str = "\
[ca]
default_ca = outside
[outside]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
default_startdate = 20260101000000Z
default_enddate = 20360101000000Z
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
";
