//! Wrong archives and gzip members under a right index.

use std::io::Write as _;

use tar::EntryType;

use super::{TWIN, World};
use crate::raw::{END, Item, Raw, gzip, plain};
use crate::support::{CERTIFICATE, author};

/// Changes the archive, not the index.
#[test]
fn hostile_archives_are_refused() {
    type Change = fn(&mut Raw);
    fn kind(raw: &mut Raw, kind: EntryType, link: Option<&str>) {
        let item = raw.item(CERTIFICATE).clone();
        *raw.item(CERTIFICATE) = item.with(|header| {
            header.set_entry_type(kind);
            if let Some(target) = link {
                header.set_link_name(target).unwrap();
            }
        });
    }
    fn rename(raw: &mut Raw, name: &[u8]) {
        let item = raw.item(CERTIFICATE).clone();
        *raw.item(CERTIFICATE) = item.with(|header| {
            let field = &mut header.as_mut_bytes()[..100];
            field.fill(0);
            field[..name.len()].copy_from_slice(name);
        });
    }
    fn insert(raw: &mut Raw, before: &str, item: Item) {
        let at = raw.position(before);
        raw.items.insert(at, item);
    }
    let cases: &[(&str, &str, Change)] = &[
        ("symbolic link", "found the symbolic link", |r| {
            kind(r, EntryType::Symlink, Some("/etc/shadow"));
        }),
        ("hard link", "found the hard link", |r| {
            kind(r, EntryType::Link, Some("files/etc/shadow"));
        }),
        ("character device", "found the device", |r| {
            kind(r, EntryType::Char, None);
        }),
        ("block device", "found the device", |r| {
            kind(r, EntryType::Block, None);
        }),
        ("fifo", "found the device", |r| {
            kind(r, EntryType::Fifo, None)
        }),
        ("directory", "found the directory", |r| {
            kind(r, EntryType::Directory, None);
        }),
        ("sparse file", "extension header or a sparse file", |r| {
            kind(r, EntryType::GNUSparse, None);
        }),
        ("old contiguous file", "extension header", |r| {
            kind(r, EntryType::Continuous, None);
        }),
        ("pax header before an entry", "extension header", |r| {
            let item = Item::new("pax", b"30 path=files/etc/elsewhere/xx\n")
                .with(|header| header.set_entry_type(EntryType::XHeader));
            insert(r, CERTIFICATE, item);
        }),
        ("global pax header", "extension header", |r| {
            let item = Item::new("pax", b"16 comment=hello\n")
                .with(|header| header.set_entry_type(EntryType::XGlobalHeader));
            insert(r, CERTIFICATE, item);
        }),
        ("GNU long name", "extension header", |r| {
            let item = Item::new("././@LongLink", b"files/etc/elsewhere\0")
                .with(|header| header.set_entry_type(EntryType::GNULongName));
            insert(r, CERTIFICATE, item);
        }),
        ("GNU long link", "extension header", |r| {
            let item = Item::new("././@LongLink", b"/etc/shadow\0")
                .with(|header| header.set_entry_type(EntryType::GNULongLink));
            insert(r, CERTIFICATE, item);
        }),
        (
            "absolute name",
            "found the absolute name `/etc/shadow`",
            |r| {
                rename(r, b"/etc/shadow");
            },
        ),
        ("parent name", "with `..`", |r| {
            rename(r, b"files/../../etc/shadow")
        }),
        ("dot name", "is not in the index", |r| {
            rename(r, b"./files/etc/kubernetes/ca.crt");
        }),
        ("backslash name", "is not in the index", |r| {
            rename(r, b"files\\etc\\kubernetes\\ca.crt");
        }),
        ("name that is not UTF-8", "is not in the index", |r| {
            rename(r, b"files/\xff\xfe");
        }),
        (
            "unexpected entry",
            "`files/etc/other`, which is not in the index",
            |r| {
                insert(r, CERTIFICATE, Item::new("files/etc/other", b"x"));
            },
        ),
        (
            "second index",
            "`kubeplan.json`, which is not in the index",
            |r| {
                insert(r, CERTIFICATE, Item::new("kubeplan.json", b"{}\n"));
            },
        ),
        (
            "unexpected entry at the end",
            "after its last entry, found `zzz`",
            |r| {
                r.items.push(Item::new("zzz", b"x"));
            },
        ),
        ("duplicate entry", "a second time", |r| {
            let again = r.item(CERTIFICATE).clone();
            insert(r, TWIN, again);
        }),
        (
            "duplicate entry at the end",
            "`redacted/files/etc/kubernetes/config.json` a second time",
            |r| {
                let again = r.items.last().unwrap().clone();
                r.items.push(again);
            },
        ),
        ("missing entry", "out of order", |r| {
            let at = r.position(CERTIFICATE);
            r.items.remove(at);
        }),
        ("missing last entry", "` is expected, it is missing", |r| {
            r.items.pop();
        }),
        ("no entries at all", "it is missing", |r| r.items.clear()),
        ("wrong order", "out of order", |r| r.items.swap(0, 1)),
        ("size in the header", "its header declares 15 bytes", |r| {
            let item = Item::new(CERTIFICATE, b"a certificate!\n");
            *r.item(CERTIFICATE) = item;
        }),
        ("content", "does not have the digest", |r| {
            *r.item(CERTIFICATE) = Item::new(CERTIFICATE, b"b certificate\n");
        }),
        (
            "sealed part",
            "`sealed.age` does not have the digest",
            |r| r.sealed[0].content[100] ^= 1,
        ),
        (
            "sealed part under another name",
            "the sealed part is not in the canonical form",
            |r| {
                let content = r.sealed[0].content.clone();
                r.sealed[0] = Item::new("sealed.ago", &content);
            },
        ),
        (
            "owner of the sealed part",
            "the sealed part is not in the canonical form",
            |r| {
                let item = r.sealed[0].clone();
                r.sealed[0] = item.with(|header| header.set_uid(1000));
            },
        ),
        (
            "padding of the sealed part",
            "the sealed part is not in the canonical form",
            |r| {
                // Its size is no multiple of a block, or there is nothing to change.
                assert_ne!(r.sealed[0].content.len() % 512, 0);
                r.sealed[0].padding = 1;
            },
        ),
        ("second sealed part", "bytes after the end", |r| {
            let again = r.sealed[0].clone();
            r.sealed.push(again);
        }),
        ("bytes after the sealed part", "bytes after the end", |r| {
            r.sealed_end.push(0);
        }),
        (
            "sealed part among the small entries",
            "after its last entry, found `sealed.age`",
            |r| {
                r.items.push(Item::new("sealed.age", b"age"));
            },
        ),
        ("sealed part left out", "its sealed part is left out", |r| {
            r.sealed.clear();
        }),
        ("padding", "padding after", |r| {
            r.item(CERTIFICATE).padding = 1
        }),
        ("setuid mode", "not in the fixed form", |r| {
            let item = r.item(CERTIFICATE).clone();
            *r.item(CERTIFICATE) = item.with(|header| header.set_mode(0o4755));
        }),
        ("owner", "not in the fixed form", |r| {
            let item = r.item(CERTIFICATE).clone();
            *r.item(CERTIFICATE) = item.with(|header| header.set_uid(1000));
        }),
        ("owner's name", "not in the fixed form", |r| {
            let item = r.item(CERTIFICATE).clone();
            *r.item(CERTIFICATE) = item.with(|header| header.set_username("root").unwrap());
        }),
        ("time", "not in the fixed form", |r| {
            let item = r.item(CERTIFICATE).clone();
            *r.item(CERTIFICATE) = item.with(|header| header.set_mtime(1));
        }),
        (
            "bytes after the header's fields",
            "not in the fixed form",
            |r| {
                let item = r.item(CERTIFICATE).clone();
                *r.item(CERTIFICATE) = item.with(|header| header.as_mut_bytes()[505] = 1);
            },
        ),
        ("GNU magic", "not in the fixed form", |r| {
            let item = r.item(CERTIFICATE).clone();
            *r.item(CERTIFICATE) = item.with(|header| {
                header.as_mut_bytes()[257..265].copy_from_slice(b"ustar  \0");
            });
        }),
        ("another split of the name", "not in the fixed form", |r| {
            let item = r.item(CERTIFICATE).clone();
            *r.item(CERTIFICATE) = item.with(|header| {
                let bytes = header.as_mut_bytes();
                bytes[..100].fill(0);
                bytes[..21].copy_from_slice(b"etc/kubernetes/ca.crt");
                bytes[345..350].copy_from_slice(b"files");
            });
        }),
        ("checksum", "no tar header", |r| {
            r.item(CERTIFICATE).header.as_mut_bytes()[148] ^= 1;
        }),
        ("no end of the archive", "truncated", |r| r.last.clear()),
        ("short end of the archive", "truncated", |r| {
            r.last.pop();
        }),
        ("bytes after the end", "bytes after the end", |r| {
            r.last.push(0);
        }),
        (
            "another end",
            "does not end with the end of an archive",
            |r| {
                r.last[7] = 1;
            },
        ),
        (
            "end of the archive among the small entries",
            "after its last entry",
            |r| r.end = END.to_vec(),
        ),
        (
            "archive after the end of the small entries",
            "after its last entry",
            |r| r.end = plain(&[Item::new("files/etc/other", b"x")]),
        ),
        ("early end of the archive", "it is missing", |r| {
            let at = r.position(CERTIFICATE);
            let rest = r.items.split_off(at);
            let end = std::mem::replace(&mut r.end, END.to_vec());
            r.end.extend(plain(&rest));
            r.end.extend(end);
        }),
    ];
    let world = World::new();
    for (title, expected, change) in cases {
        let mut raw = world.raw.clone();
        change(&mut raw);
        let text = world.refusal(&world.sign(&raw));
        assert!(
            text.contains(expected),
            "{title}: expected `{expected}`: {text}"
        );
    }
}

/// Changes the gzip layer of the second member; its digest in the index is right.
#[test]
fn hostile_members_are_refused() {
    let world = World::new();
    let good = world.raw.member();
    let inside = plain(&world.raw.items);
    let with_name = {
        let mut encoder = flate2::GzBuilder::new()
            .filename("x")
            .operating_system(255)
            .write(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(&inside).unwrap();
        encoder.finish().unwrap()
    };
    let flip = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut zeros = inside.clone();
    zeros.resize(inside.len() + 4 * 1024 * 1024, 0);
    let mut more_zeros = inside.clone();
    more_zeros.resize(64 * 1024 * 1024, 0);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        (
            "bytes after the member",
            [&good[..], b"x"].concat(),
            "bytes after its end",
        ),
        (
            "zeros after the member",
            [&good[..], &[0; 512]].concat(),
            "bytes after its end",
        ),
        (
            "second member inside",
            [&good[..], &gzip(b"")].concat(),
            "bytes after its end",
        ),
        (
            "file name in the gzip header",
            with_name,
            "cannot be inflated",
        ),
        ("time in the gzip header", flip(4), "cannot be inflated"),
        (
            "operating system in the gzip header",
            flip(9),
            "cannot be inflated",
        ),
        (
            "damaged checksum",
            flip(good.len() - 8),
            "cannot be inflated",
        ),
        ("damaged size", flip(good.len() - 4), "cannot be inflated"),
        ("damaged data", flip(good.len() / 2), ""),
        ("cut", good[..good.len() - 1].to_vec(), "cannot be inflated"),
        ("no gzip", b"no gzip at all".to_vec(), "cannot be inflated"),
        ("empty", vec![], "cannot be inflated"),
        ("bomb of zeros", gzip(&zeros), "after its last entry"),
        (
            "larger bomb of zeros",
            gzip(&more_zeros),
            "the compressed size of member 2 in bytes",
        ),
        (
            "larger than its content can be",
            [&good[..], &vec![0; 64 * 1024]].concat(),
            "the compressed size of member 2 in bytes",
        ),
    ];
    world.check(
        &world.raw.build_with(&good[1..], &[&author(1)]),
        "cannot be inflated",
    );
    for (title, member, expected) in cases {
        let text = world.refusal(&world.raw.build_with(member, &[&author(1)]));
        assert!(
            text.contains(expected),
            "{title}: expected `{expected}`: {text}"
        );
    }
}
