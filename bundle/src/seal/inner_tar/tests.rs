//! The inner archive: its one form, and hostile archives.

use super::*;

const NAME: &str = "files/etc/kubernetes/pki/ca.key";

/// Archives from raw parts, with whatever headers a test wants.
fn raw(entries: &[(Header, &[u8])], tail: usize) -> Vec<u8> {
    let mut archive = Vec::new();
    for (header, bytes) in entries {
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(bytes);
        archive.resize(padded(archive.len(), BLOCK), 0);
    }
    archive.resize(padded(archive.len() + tail, PADDING), 0);
    archive
}

fn good(name: &str, size: u64) -> Header {
    header(name, size).unwrap()
}

/// The good header with one change, and the checksum to go with it.
fn changed(change: impl FnOnce(&mut Header)) -> Header {
    let mut header = good(NAME, 3);
    change(&mut header);
    header.set_cksum();
    header
}

#[test]
fn what_is_written_is_what_is_read() {
    let long = format!("files/{}/{}", "d".repeat(90), "f".repeat(100));
    for entries in [
        vec![],
        vec![(MANIFEST_NAME, &b"{}\n"[..])],
        vec![(MANIFEST_NAME, b"{}\n"), (NAME, b""), (&long, &[7; 5000])],
    ] {
        let archive = write(&entries).unwrap();
        assert_eq!(archive.len() % PADDING, 0);
        assert_eq!(archive.len(), archive.capacity());
        let found = read(&archive).unwrap();
        let found: Vec<(&str, &[u8])> = found.iter().map(|(n, b)| (n.as_str(), *b)).collect();
        assert_eq!(found, entries);
    }
}

#[test]
fn the_size_says_little() {
    let size = |content: usize| write(&[(NAME, &vec![1; content])]).unwrap().len();
    assert_eq!(size(0), size(10_000));
    assert_eq!(size(20_000), 2 * PADDING);
    // Header, content and two zero blocks fill the unit exactly, then no longer.
    assert_eq!(size(PADDING - 3 * BLOCK), PADDING);
    assert_eq!(size(PADDING - 3 * BLOCK + 1), 2 * PADDING);
}

#[test]
fn what_cannot_be_written_is_refused() {
    use InnerTarError as E;
    let big = vec![0; MAX_ENTRY_SIZE + 1];
    assert!(write(&[(NAME, &big[1..])]).is_ok());
    assert!(matches!(
        write(&[(NAME, &big)]),
        Err(E::EntrySize {
            limit: MAX_ENTRY_SIZE,
            ..
        })
    ));
    assert!(matches!(
        write(&[(MANIFEST_NAME, &big[..=MAX_MANIFEST_SIZE])]),
        Err(E::EntrySize {
            limit: MAX_MANIFEST_SIZE,
            ..
        })
    ));
    assert!(matches!(
        write(&[(NAME, b""), (NAME, b"")]),
        Err(E::Duplicate(_))
    ));
    // 235 bytes whose components cannot be split into 155 and 100.
    let name = format!("files/{}", ["x".repeat(100), "y".repeat(100)].join("/"));
    assert!(name.parse::<EntryName>().is_ok());
    assert!(matches!(
        write(&[(&format!("{name}/{}", "z".repeat(28)), b"")]),
        Err(E::Name(_))
    ));
    let names: Vec<String> = (0..MAX_ENTRIES + 2).map(|n| format!("files/{n}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    assert!(write(&many[1..]).is_ok());
    assert!(matches!(write(&many), Err(E::TooMany)));
    let seventeen: Vec<(&str, &[u8])> = many[..17].iter().map(|(n, _)| (*n, &big[1..])).collect();
    assert!(matches!(write(&seventeen), Err(E::TooLarge)));
}

#[test]
fn hostile_archives_are_refused() {
    use InnerTarError as E;
    type Case = (&'static str, Vec<u8>, fn(&E) -> bool);
    let kind = |kind| changed(|h| h.set_entry_type(kind));
    let name = |name: &[u8]| {
        changed(|h| {
            let field = &mut h.as_old_mut().name;
            field.fill(0);
            field[..name.len()].copy_from_slice(name);
        })
    };
    let one = |header: Header| raw(&[(header, b"abc")], 1024);
    let control = one(good(NAME, 3));
    assert_eq!(read(&control).unwrap(), [(NAME.to_owned(), &b"abc"[..])]);
    let not_regular: fn(&E) -> bool = |e| matches!(e, E::NotRegular(_));
    let bad_name: fn(&E) -> bool = |e| matches!(e, E::Name(_));
    let bad_header: fn(&E) -> bool = |e| matches!(e, E::Header(0));
    let edit = |at: usize, byte: u8| {
        let mut archive = control.clone();
        archive[at] = byte;
        archive
    };
    let mut cases: Vec<Case> = vec![
        ("symbolic link", one(kind(EntryType::Symlink)), not_regular),
        ("hard link", one(kind(EntryType::Link)), not_regular),
        ("directory", one(kind(EntryType::Directory)), not_regular),
        ("character device", one(kind(EntryType::Char)), not_regular),
        ("block device", one(kind(EntryType::Block)), not_regular),
        ("fifo", one(kind(EntryType::Fifo)), not_regular),
        ("sparse file", one(kind(EntryType::GNUSparse)), not_regular),
        ("pax header", one(kind(EntryType::XHeader)), not_regular),
        (
            "global pax header",
            one(kind(EntryType::XGlobalHeader)),
            not_regular,
        ),
        ("long name", one(kind(EntryType::GNULongName)), not_regular),
        (
            "contiguous file",
            one(kind(EntryType::Continuous)),
            not_regular,
        ),
        (
            "parent directory",
            one(name(b"files/../etc/passwd")),
            bad_name,
        ),
        ("absolute name", one(name(b"/etc/passwd")), bad_name),
        ("dot name", one(name(b"./files/x")), bad_name),
        ("foreign name", one(name(b"other")), bad_name),
        ("no name", one(name(b"")), bad_name),
        ("name that is not UTF-8", one(name(b"files/\xff")), bad_name),
        (
            "name with a terminal escape",
            one(name(b"files/\x1b[2J")),
            bad_name,
        ),
        (
            "reserved destination",
            one(name(b"files/etc/kubeplan/policy.yaml")),
            bad_name,
        ),
        (
            "other mode",
            one(changed(|h| h.set_mode(0o644))),
            bad_header,
        ),
        ("other owner", one(changed(|h| h.set_uid(1))), bad_header),
        ("other group", one(changed(|h| h.set_gid(1))), bad_header),
        ("other time", one(changed(|h| h.set_mtime(1))), bad_header),
        (
            "user name",
            one(changed(|h| h.set_username("root").unwrap())),
            bad_header,
        ),
        (
            "link target",
            one(changed(|h| h.set_link_name("/etc/passwd").unwrap())),
            bad_header,
        ),
        (
            "device number",
            one(changed(|h| h.set_device_major(1).unwrap())),
            bad_header,
        ),
        (
            "old regular type",
            one(changed(|h| h.as_old_mut().linkflag = [0])),
            bad_header,
        ),
        (
            "no ustar magic",
            one(changed(|h| h.as_ustar_mut().unwrap().magic = [0; 6])),
            bad_header,
        ),
        (
            "GNU magic",
            one(changed(|h| h.as_ustar_mut().unwrap().magic = *b"ustar ")),
            bad_header,
        ),
        ("bad checksum", edit(150, b'7'), bad_header),
        (
            "size that is not a number",
            one(changed(|h| h.as_old_mut().size = *b"zzzzzzzzzzzz")),
            bad_header,
        ),
        (
            "duplicate",
            raw(&[(good(NAME, 3), b"abc"), (good(NAME, 3), b"abc")], 1024),
            |e| matches!(e, E::Duplicate(_)),
        ),
        (
            "oversize",
            one(changed(|h| h.set_size(MAX_ENTRY_SIZE as u64 + 1))),
            |e| matches!(e, E::EntrySize { .. }),
        ),
        (
            "enormous size",
            one(changed(|h| h.set_size(u64::MAX))),
            |e| matches!(e, E::EntrySize { .. }),
        ),
        (
            "size beyond the end",
            one(changed(|h| h.set_size(PADDING as u64))),
            |e| matches!(e, E::Truncated),
        ),
        ("garbage after an entry", edit(BLOCK + 3, 1), |e| {
            matches!(e, E::Padding(515))
        }),
        ("garbage after the end", edit(2 * BLOCK + 700, 1), |e| {
            matches!(e, E::Padding(1724))
        }),
        ("garbage at the very end", edit(PADDING - 1, 1), |e| {
            matches!(e, E::Padding(_))
        }),
        (
            "entry after the end",
            {
                let mut archive = control.clone();
                archive.extend_from_slice(&control);
                archive
            },
            |e| matches!(e, E::Padding(_)),
        ),
        (
            "more padding",
            [control.clone(), vec![0; PADDING]].concat(),
            |e| matches!(e, E::Length(..)),
        ),
        (
            "less padding",
            control[..control.len() - BLOCK].to_vec(),
            |e| matches!(e, E::Length(..)),
        ),
        ("no end mark", control[..2 * BLOCK].to_vec(), |e| {
            matches!(e, E::Truncated)
        }),
        ("one zero block", control[..3 * BLOCK].to_vec(), |e| {
            matches!(e, E::Length(..))
        }),
        (
            "cut inside the content",
            control[..BLOCK + 2].to_vec(),
            |e| matches!(e, E::Truncated),
        ),
        ("cut inside the header", control[..100].to_vec(), |e| {
            matches!(e, E::Truncated)
        }),
        ("nothing", vec![], |e| matches!(e, E::Truncated)),
        ("too large", vec![0; MAX_PLAINTEXT_SIZE + 1], |e| {
            matches!(e, E::TooLarge)
        }),
    ];
    let many: Vec<(Header, &[u8])> = (0..MAX_ENTRIES + 2)
        .map(|n| (good(&format!("files/{n}"), 0), &b""[..]))
        .collect();
    cases.push(("too many", raw(&many, 1024), |e| matches!(e, E::TooMany)));
    for (what, archive, is_expected) in cases {
        let error = read(&archive).unwrap_err();
        assert!(is_expected(&error), "{what}: {error:?}");
        assert!(!error.to_string().contains('\x1b'), "{what}");
    }
}

#[test]
fn every_cut_and_every_flipped_header_bit_is_refused() {
    let archive = write(&[(NAME, b"abc")]).unwrap();
    for length in 0..archive.len() {
        assert!(read(&archive[..length]).is_err(), "cut to {length}");
    }
    for at in (0..BLOCK).chain(BLOCK + 3..archive.len()) {
        for bit in 0..8 {
            let mut flipped = archive.to_vec();
            flipped[at] ^= 1 << bit;
            match read(&flipped) {
                Err(_) => {}
                Ok(_) => panic!("byte {at}, bit {bit}"),
            }
            if at >= BLOCK {
                break;
            }
        }
    }
}
