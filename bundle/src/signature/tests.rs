//! Signatures against vectors made with OpenSSH's ssh-keygen, and against tampering.

use super::*;
use crate::secret::SecretBytes;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/keys/", $name)).as_slice()
    };
}

const MESSAGE: &[u8] = fixture!("message.txt");

fn private(file: &[u8]) -> PrivateKey {
    PrivateKey::parse(&SecretBytes::new(file.to_vec()), None).unwrap()
}

fn public(file: &[u8]) -> PublicKey {
    PublicKey::parse(std::str::from_utf8(file).unwrap()).unwrap()
}

fn keys() -> Vec<PrivateKey> {
    [
        fixture!("ed25519"),
        fixture!("ecdsa-p256"),
        fixture!("ecdsa-p384"),
    ]
    .map(private)
    .to_vec()
}

#[test]
fn every_algorithm_signs_and_verifies_the_same_each_time() {
    for key in keys() {
        let signature = key.sign(Namespace::Bundle, b"message").unwrap();
        signature.verify(Namespace::Bundle, b"message").unwrap();
        assert_eq!(signature.public_key(), key.public());
        assert_eq!(
            key.sign(Namespace::Bundle, b"message").unwrap(),
            signature,
            "{key:?}"
        );
        let again = Signature::parse(signature.to_armored().as_bytes()).unwrap();
        again.verify(Namespace::Bundle, b"message").unwrap();
    }
}

#[test]
fn a_signature_for_another_purpose_or_message_is_refused() {
    for key in keys() {
        let signature = key.sign(Namespace::Approval, b"message").unwrap();
        signature.verify(Namespace::Approval, b"message").unwrap();
        assert!(matches!(
            signature.verify(Namespace::Bundle, b"message"),
            Err(SignatureError::Namespace { found, expected: Namespace::Bundle }) if found == "kubeplan-approval"
        ));
        assert!(matches!(
            signature.verify(Namespace::Approval, b"massage"),
            Err(SignatureError::Invalid)
        ));
    }
}

#[test]
fn what_ssh_keygen_signed_is_accepted() {
    let cases = [
        (fixture!("message.ed25519.sig"), fixture!("ed25519.pub")),
        (
            fixture!("message.ed25519-sha256.sig"),
            fixture!("ed25519.pub"),
        ),
        (
            fixture!("message.ecdsa-p256-low.sig"),
            fixture!("ecdsa-p256.pub"),
        ),
        (
            fixture!("message.ecdsa-p256-high.sig"),
            fixture!("ecdsa-p256.pub"),
        ),
        (
            fixture!("message.ecdsa-p384-low.sig"),
            fixture!("ecdsa-p384.pub"),
        ),
        (
            fixture!("message.ecdsa-p384-high.sig"),
            fixture!("ecdsa-p384.pub"),
        ),
    ];
    for (armored, key) in cases {
        let signature = Signature::parse_any(armored).unwrap();
        assert_eq!(signature.public_key(), public(key));
        assert_eq!(signature.namespace(), Some(Namespace::Bundle));
        signature.verify(Namespace::Bundle, MESSAGE).unwrap();
        Signature::parse(signature.to_armored().as_bytes())
            .unwrap()
            .verify(Namespace::Bundle, MESSAGE)
            .unwrap();
    }
}

#[test]
fn the_canonical_form_is_the_one_ssh_keygen_writes() {
    let written = fixture!("message.ed25519.sig");
    assert_eq!(
        Signature::parse(written).unwrap().to_armored().as_bytes(),
        written
    );
    // ed25519 is deterministic, so the whole file must be equal.
    let own = private(fixture!("ed25519"))
        .sign(Namespace::Bundle, MESSAGE)
        .unwrap();
    assert_eq!(own.to_armored().as_bytes(), written);
    assert_eq!(
        Signature::parse(fixture!("message.ecdsa-p256-low.sig"))
            .unwrap()
            .to_armored()
            .as_bytes(),
        fixture!("message.ecdsa-p256-low.sig")
    );
}

#[test]
fn the_second_form_of_an_ecdsa_signature_is_refused_by_the_strict_parser() {
    for high in [
        fixture!("message.ecdsa-p256-high.sig"),
        fixture!("message.ecdsa-p384-high.sig"),
    ] {
        assert!(matches!(
            Signature::parse(high),
            Err(SignatureError::NotCanonical { .. })
        ));
        Signature::parse_any(high)
            .unwrap()
            .verify(Namespace::Bundle, MESSAGE)
            .unwrap();
    }
}

#[test]
fn other_armor_is_normalised_by_one_parser_and_refused_by_the_other() {
    let canonical = String::from_utf8(fixture!("message.ed25519.sig").to_vec()).unwrap();
    let body: String = canonical
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let one_line = format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n");
    let accepted = [
        canonical.replace('\n', "\r\n"),
        canonical.trim_end().to_owned(),
        format!("\n  {canonical}\n\n"),
        one_line,
    ];
    for text in accepted {
        assert_eq!(
            Signature::parse_any(text.as_bytes()).unwrap().to_armored(),
            canonical
        );
        assert!(Signature::parse(text.as_bytes()).is_err(), "{text}");
    }
    for text in [
        String::new(),
        body.clone(),
        canonical.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        canonical.replace("-----END", "----END"),
        format!("{canonical}{canonical}"),
        format!("{canonical}x"),
        canonical.replacen("U1NIU0lH", "U1NIU0lI", 1),
        format!("{canonical}{}", "\n".repeat(MAX_ARMOR_SIZE)),
    ] {
        assert!(Signature::parse_any(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn flipping_any_bit_of_an_armored_signature_is_refused() {
    let accepted = |armored: &[u8]| {
        Signature::parse(armored).is_ok_and(|s| s.verify(Namespace::Bundle, MESSAGE).is_ok())
    };
    for armored in [
        fixture!("message.ed25519.sig"),
        fixture!("message.ecdsa-p256-low.sig"),
        fixture!("message.ecdsa-p384-low.sig"),
    ] {
        assert!(accepted(armored));
        for at in 0..armored.len() {
            for bit in 0..8 {
                let mut flipped = armored.to_vec();
                flipped[at] ^= 1 << bit;
                assert!(!accepted(&flipped), "byte {at}, bit {bit}");
            }
        }
        for length in 0..armored.len() {
            assert!(!accepted(&armored[..length]), "cut to {length}");
        }
    }
}

/// Wire form of an SSH string.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// An armored SSHSIG from raw fields.
fn raw_sshsig(version: u32, key: &[u8], namespace: &str, reserved: &[u8], proper: &[u8]) -> String {
    use base64::Engine as _;
    let blob = [
        b"SSHSIG".to_vec(),
        version.to_be_bytes().to_vec(),
        string(key),
        string(namespace.as_bytes()),
        string(reserved),
        string(b"sha512"),
        string(proper),
    ]
    .concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(blob);
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        lines.join("\n")
    )
}

fn key_blob(line: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let base64 = std::str::from_utf8(line)
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap();
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap()
}

#[test]
fn integers_with_a_leading_zero_versions_and_reserved_fields_are_refused() {
    let key = key_blob(fixture!("ecdsa-p256.pub"));
    let proper = |r: &[u8], s: &[u8]| {
        let scalars = [string(r), string(s)].concat();
        [string(b"ecdsa-sha2-nistp256"), string(&scalars)].concat()
    };
    let (r, s) = ([0x11; 32], [0x22; 32]);
    let plain = |version, reserved: &[u8], proper: &[u8]| {
        Signature::parse(raw_sshsig(version, &key, "kubeplan-bundle", reserved, proper).as_bytes())
    };
    // The control: parses (and, being made up, does not verify).
    let control = plain(1, b"", &proper(&r, &s)).unwrap();
    assert!(matches!(
        control.verify(Namespace::Bundle, MESSAGE),
        Err(SignatureError::Invalid)
    ));
    assert!(plain(1, b"", &proper(&[&[0][..], &r].concat(), &s)).is_err());
    assert!(plain(1, b"", &proper(&r, &[&[0][..], &s].concat())).is_err());
    assert!(plain(1, b"", &proper(&[0x91; 32], &s)).is_err(), "negative");
    assert!(plain(1, b"", &proper(&[], &s)).is_err(), "zero");
    assert!(plain(1, b"", &[proper(&r, &s), vec![0]].concat()).is_err());
    assert!(plain(0, b"", &proper(&r, &s)).is_err());
    assert!(plain(2, b"", &proper(&r, &s)).is_err());
    assert!(plain(1, b"x", &proper(&r, &s)).is_err());
    let ed25519 = [string(b"ssh-ed25519"), string(&[1; 64])].concat();
    assert!(matches!(
        plain(1, b"", &ed25519),
        Err(SignatureError::Algorithm)
    ));
    let foreign = raw_sshsig(
        1,
        &key_blob(fixture!("rsa.pub")),
        "kubeplan-bundle",
        b"",
        &ed25519,
    );
    assert!(Signature::parse(foreign.as_bytes()).is_err());
}

/// A hardware key signs SHA-256(application) ‖ flags ‖ counter ‖ SHA-256(signed data), OpenSSH's PROTOCOL.u2f.
#[test]
fn a_hardware_backed_ed25519_key_verifies() {
    use aws_lc_rs::digest::{SHA256, SHA512, digest};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let name = b"sk-ssh-ed25519@openssh.com";
    let key = [
        string(name),
        string(pair.public_key().as_ref()),
        string(b"ssh:"),
    ]
    .concat();
    let signed = [
        b"SSHSIG".to_vec(),
        string(b"kubeplan-bundle"),
        string(b""),
        string(b"sha512"),
        string(digest(&SHA512, MESSAGE).as_ref()),
    ]
    .concat();
    let trailer = [1, 0, 0, 0, 7];
    let to_sign = [
        digest(&SHA256, b"ssh:").as_ref(),
        &trailer,
        digest(&SHA256, &signed).as_ref(),
    ]
    .concat();
    let with = |trailer: &[u8]| {
        let proper = [
            string(name),
            string(pair.sign(&to_sign).as_ref()),
            trailer.to_vec(),
        ]
        .concat();
        let armored = raw_sshsig(1, &key, "kubeplan-bundle", b"", &proper);
        Signature::parse(armored.as_bytes()).unwrap()
    };
    let signature = with(&trailer);
    signature.verify(Namespace::Bundle, MESSAGE).unwrap();
    assert_eq!(
        signature.public_key().algorithm(),
        "sk-ssh-ed25519@openssh.com"
    );
    let line = signature.public_key().to_openssh();
    assert_eq!(PublicKey::parse(&line).unwrap(), signature.public_key());
    // Another touch counter is another signature.
    assert!(
        with(&[1, 0, 0, 0, 8])
            .verify(Namespace::Bundle, MESSAGE)
            .is_err()
    );
}

#[test]
fn public_keys_have_one_written_form() {
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFebCuVezAPcrmBO/gKJGb2Ol36tc+FJETKAEEDf4bNM";
    let key = public(fixture!("ed25519.pub"));
    assert_eq!(key.to_openssh(), line);
    assert_eq!(
        PublicKey::parse(&format!(" {line} with a comment ")).unwrap(),
        key
    );
    for bad in [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "AAAAC3NzaC1lZDI1NTE5AAAAIFebCuVezAPcrmBO/gKJGb2Ol36tc+FJETKAEEDf4bNM",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFebCuVezAPcrmBO/gKJGb2Ol36tc+FJETKAEEDf4bNN",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFebCuVezAPcrmBO/gKJGb2Ol36tc+FJETKAEEDf4bNMAA==",
        "ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAAIFebCuVezAPcrmBO/gKJGb2Ol36tc+FJETKAEEDf4bNM",
    ] {
        // The fifth differs from the control in its last bits only, which is another valid key.
        if bad.ends_with("bNN") {
            assert_ne!(PublicKey::parse(bad).unwrap(), key);
        } else {
            assert!(
                matches!(PublicKey::parse(bad), Err(KeyError::NotPublicKey)),
                "{bad}"
            );
        }
    }
    assert!(matches!(
        PublicKey::parse(std::str::from_utf8(fixture!("ed25519")).unwrap()),
        Err(KeyError::PrivateKeyGiven)
    ));
    for other in [fixture!("rsa.pub"), fixture!("ecdsa-p521.pub")] {
        assert!(matches!(
            PublicKey::parse(std::str::from_utf8(other).unwrap()),
            Err(KeyError::Unsupported { .. })
        ));
    }
}

#[test]
fn a_point_off_its_curve_and_a_compressed_point_are_refused() {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let good = key_blob(fixture!("ecdsa-p256.pub"));
    let parse =
        |blob: &[u8]| PublicKey::parse(&format!("ecdsa-sha2-nistp256 {}", engine.encode(blob)));
    assert!(parse(&good).is_ok());
    let mut off = good.clone();
    *off.last_mut().unwrap() ^= 1;
    assert!(matches!(parse(&off), Err(KeyError::Point)));
    let (head, point) = good.split_at(good.len() - 65);
    let compressed = [&[2 + (point[64] & 1)][..], &point[1..33]].concat();
    let short = [&head[..head.len() - 4], &string(&compressed)].concat();
    assert!(parse(&short).is_err());
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    let key = public(fixture!("ed25519.pub"));
    // ssh-keygen -lf fixtures/keys/ed25519.pub
    let text = "SHA256:MB2x1p8QQrjJp4ukJrkTr1YwFBAXlKsllOKd8lOeiR8";
    assert_eq!(key.fingerprint().to_string(), text);
    assert_eq!(text.parse::<Fingerprint>().unwrap(), key.fingerprint());
    assert_eq!(key.fingerprint().hex().len(), 64);
    for bad in [
        "",
        "SHA256:",
        "SHA256:AAAA",
        &text[7..],
        &format!("{text}="),
    ] {
        assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
    }
}

#[test]
fn a_key_whose_number_begins_with_a_zero_byte_is_refused_by_name() {
    let plain = SecretBytes::new(fixture!("ecdsa-p256-leading-zero").to_vec());
    let encrypted = SecretBytes::new(fixture!("ecdsa-p256-leading-zero-encrypted").to_vec());
    let right = SecretBytes::from_text("correct horse".into());
    let wrong = SecretBytes::from_text("correct house".into());
    for (file, passphrase) in [(&plain, None), (&encrypted, Some(&right))] {
        let error = PrivateKey::parse(file, passphrase).unwrap_err();
        assert!(matches!(error, KeyError::LeadingZero), "{error}");
    }
    let error = PrivateKey::parse(&encrypted, Some(&wrong)).unwrap_err();
    assert!(matches!(error, KeyError::Passphrase), "{error}");
}

#[test]
fn encrypted_key_files_need_their_passphrase() {
    let file = SecretBytes::new(fixture!("ed25519-encrypted").to_vec());
    assert!(matches!(
        PrivateKey::parse(&file, None),
        Err(KeyError::Encrypted)
    ));
    let wrong = SecretBytes::from_text("correct house".into());
    assert!(matches!(
        PrivateKey::parse(&file, Some(&wrong)),
        Err(KeyError::Passphrase)
    ));
    let right = SecretBytes::from_text("correct horse".into());
    let key = PrivateKey::parse(&file, Some(&right)).unwrap();
    assert_eq!(key.public(), public(fixture!("ed25519-encrypted.pub")));
    assert_eq!(key.comment(), "test-only-encrypted");
}

#[test]
fn a_generated_key_survives_being_written() {
    let key = PrivateKey::generate_ed25519("me@here").unwrap();
    assert_ne!(
        key.public(),
        PrivateKey::generate_ed25519("me@here").unwrap().public()
    );
    let plain = PrivateKey::parse(&key.to_openssh(None).unwrap(), None).unwrap();
    assert_eq!((plain.public(), plain.comment()), (key.public(), "me@here"));
    let passphrase = SecretBytes::from_text("p".into());
    let file = key.to_openssh(Some(&passphrase)).unwrap();
    assert!(matches!(
        PrivateKey::parse(&file, None),
        Err(KeyError::Encrypted)
    ));
    let opened = PrivateKey::parse(&file, Some(&passphrase)).unwrap();
    assert_eq!(opened.public(), key.public());
}

#[test]
fn other_key_files_are_refused_by_name() {
    let parse = |file: &[u8]| PrivateKey::parse(&SecretBytes::new(file.to_vec()), None);
    assert!(parse(fixture!("ed25519")).is_ok());
    assert!(matches!(
        parse(fixture!("rsa")),
        Err(KeyError::Unsupported { algorithm }) if algorithm == "ssh-rsa"
    ));
    assert!(matches!(
        parse(fixture!("ecdsa-p521")),
        Err(KeyError::Unsupported { algorithm }) if algorithm == "ecdsa-sha2-nistp521"
    ));
    assert!(matches!(
        parse(fixture!("rsa-pem")),
        Err(KeyError::OtherFormat {
            label: "RSA PRIVATE KEY"
        })
    ));
    assert!(matches!(
        parse(fixture!("ed25519.pub")),
        Err(KeyError::PublicKeyGiven)
    ));
    assert!(matches!(parse(b""), Err(KeyError::NotPrivateKey)));
    let file = fixture!("ed25519");
    for length in 0..file.len() - 40 {
        assert!(parse(&file[..length]).is_err(), "cut to {length}");
    }
    let windows = String::from_utf8(file.to_vec())
        .unwrap()
        .replace('\n', "\r\n");
    assert!(parse(windows.as_bytes()).is_ok());
}

#[test]
fn nothing_of_a_private_key_shows_in_debug() {
    let key = private(fixture!("ed25519"));
    assert_eq!(
        format!("{key:?}"),
        format!("PrivateKey(<redacted> {})", key.public().fingerprint())
    );
}
