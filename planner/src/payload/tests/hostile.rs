//! Archives that mean harm: they are refused by what is wrong, without memory or time to match what they claim.

use std::io::{self, Write as _};

use serde_json::json;

use super::super::archive::Archive;
use super::super::compression::Form;
use super::super::open;
use super::super::spool::{bound, spool};
use super::super::tree::{Input, Tree as _};
use super::*;

fn index_error(bytes: Vec<u8>) -> String {
    opened(bytes).err().unwrap().to_string()
}

#[test]
fn what_is_changed_below_is_right_before() {
    let (contents, refusals) = read(Made::new("amd64").archive());
    assert_eq!(refusals, [""; 0]);
    assert_eq!(contents.images.len(), 1);
    assert_eq!(contents.blobs.len(), 3);
    assert_blobs(&contents);
}

#[test]
fn claimed_sizes_reserve_nothing() {
    let claim = |size: &[u8]| index_error(Tar::default().entry(b'0', "x", "", size, b"abc").end());
    assert_eq!(
        claim(b"77777777777"),
        "a.tar: the archive ends at byte 2048, in the middle of an entry that needs 8589935103: it was cut off"
    );
    assert_eq!(
        claim(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
        "a.tar: the archive ends at byte 2048, in the middle of an entry that needs 9223372036854776319: it was cut off"
    );
    for not_a_number in [
        &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"99",
    ] {
        let told = claim(not_a_number);
        assert!(
            told.ends_with("it is not a tar archive, nor one that is compressed with gzip or zstd"),
            "{told}"
        );
    }
    let long = |kind: u8, size: usize| {
        index_error(Tar::default().sized(kind, "x", &vec![b'a'; size]).end())
    };
    assert_eq!(
        long(b'L', 4097),
        "a.tar: a name's length exceeds the limit of 4096"
    );
    assert_eq!(
        long(b'x', 65 * 1024),
        "a.tar: a pax header's size exceeds the limit of 65536"
    );
    let of_pax =
        |records: &str| index_error(Tar::default().sized(b'x', "x", records.as_bytes()).end());
    for records in [
        "x",
        "99 path=a\n",
        "11 path=abcd",
        "9 path-a\n",
        "99999999999999999999 a=b\n",
    ] {
        assert_eq!(
            of_pax(records),
            "a.tar: a pax header is not a list of records, at byte 0 of the archive",
            "{records}"
        );
    }
}

/// An archive of equal headers without content, which takes no memory.
struct Headers {
    header: Vec<u8>,
    count: u64,
}

impl Input for Headers {
    fn size(&self) -> u64 {
        self.count * 512
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let at = usize::try_from(offset % 512).unwrap();
        (&self.header[at..]).read(buffer)
    }
}

#[test]
fn a_million_entries_are_too_many() {
    let header = Tar::default().file("x", b"").0;
    let index = |count| {
        let header = header.clone();
        Archive::index(Box::new(Headers { header, count }))
    };
    assert!(index(1000).is_ok());
    let refused = index(1_000_000).err().unwrap().of_source("a.tar");
    assert_eq!(
        refused.to_string(),
        "a.tar: the number of entries exceeds the limit of 100000"
    );
}

#[test]
fn names_and_links_stay_inside() {
    for name in ["../x", "/etc/passwd", "a/../../x", "./../x"] {
        assert_eq!(
            index_error(Tar::default().file(name, b"x").end()),
            format!("a.tar: `{name}` leads outside the archive")
        );
    }
    let links = Tar::default()
        .file("d/target", b"content")
        .symlink("inside", "d/./target")
        .symlink("d/up", "../d/target")
        .entry(b'1', "hard", "d/target", b"0", b"")
        .symlink("out", "../etc/passwd")
        .symlink("absolute", "/etc/passwd")
        .entry(b'1', "hard-out", "../x", b"0", b"")
        .symlink("nowhere", "absent")
        .symlink("self", "self")
        .symlink("one", "two")
        .symlink("two", "one")
        .entry(b'3', "device", "", b"0", b"")
        .entry(b'5', "directory/", "", b"0", b"")
        .end();
    let archive = Archive::index(Box::new(links)).map_err(|_| ()).unwrap();
    for name in ["inside", "d/up", "hard", "./d//target"] {
        assert_eq!(
            archive.find(name).unwrap().unwrap().name,
            "d/target",
            "{name}"
        );
    }
    assert_eq!(archive.find("other").unwrap(), None);
    for (name, expected) in [
        ("out", "`../etc/passwd` leads outside the archive"),
        ("absolute", "`/etc/passwd` leads outside the archive"),
        ("hard-out", "`../x` leads outside the archive"),
        ("nowhere", "it is a link to `absent`, which is missing"),
        ("self", "it is a link that leads through more than 8 links"),
        ("one", "it is a link that leads through more than 8 links"),
        ("device", "it is a device or a FIFO, not a regular file"),
        ("directory", "it is a directory, not a regular file"),
        ("../x", "`../x` leads outside the archive"),
    ] {
        assert_eq!(
            archive.find(name).unwrap_err().to_string(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn an_entry_may_be_there_twice_if_it_is_the_same() {
    let made = Made::new("amd64");
    let layer = format!("blobs/sha256/{}", Sha256Digest::of(&made.layer));
    let twice = |content: &[u8]| {
        let tar = made.blobs(Tar::default()).file(&layer, content);
        layout(tar, &[made.descriptor(&json!({NAMED: "a.example/app:1"}))])
    };
    assert_eq!(read(twice(&made.layer)).1, [""; 0]);
    let mut other = made.layer.clone();
    other[3] ^= 1;
    let expected = format!("{layer}: it is in the archive twice, with different content");
    assert_eq!(refusal(twice(&other)), expected);
    assert_eq!(refusal(twice(b"shorter")), expected);
    let linked = layout(
        made.blobs(Tar::default()).symlink(&layer, "elsewhere"),
        &[made.descriptor(&json!({NAMED: "a.example/app:1"}))],
    );
    assert_eq!(refusal(linked), expected);
}

#[test]
fn sparse_files_are_refused_where_they_are_needed() {
    let expected = "index.json: it is a sparse file of GNU tar, which is not supported";
    let marked = |tar: Tar| tar.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    for (kind, pax) in [(b'S', ""), (b'0', "22 GNU.sparse.major=1\n")] {
        let tar = marked(Tar::default());
        let tar = if pax.is_empty() {
            tar
        } else {
            tar.sized(b'x', "x", pax.as_bytes())
        };
        assert_eq!(
            refusal(tar.sized(kind, "index.json", b"{}").end()),
            expected
        );
    }
}

#[test]
fn indexes_are_followed_to_a_limit() {
    let made = Made::new("amd64");
    let nested = |levels: usize| {
        let mut tar = made.blobs(Tar::default());
        let mut inner = made.descriptor(&json!({}));
        for _ in 0..levels {
            let index = index(&[inner]);
            inner = of_index(&index, &json!({NAMED: "a.example/app:1"}));
            tar = tar.blob(index.to_string().as_bytes());
        }
        layout(tar, &[inner])
    };
    assert_eq!(read(nested(8)).1, [""; 0]);
    let told = refusal(nested(9));
    assert!(
        told.ends_with(": indexes are nested more than 8 levels deep"),
        "{told}"
    );
}

#[test]
fn indexes_that_double_at_every_level_end_at_a_limit() {
    let made = Made::new("amd64");
    let mut tar = made.blobs(Tar::default());
    let mut inner = made.descriptor(&json!({}));
    for _ in 0..7 {
        let index = index(&vec![inner; 10]);
        inner = of_index(&index, &json!({NAMED: "a.example/app:1"}));
        tar = tar.blob(index.to_string().as_bytes());
    }
    assert_eq!(
        refusal(layout(tar, &[inner])),
        "the number of manifests exceeds the limit of 4096"
    );
}

#[test]
fn an_index_cannot_contain_itself() {
    // No index can have its own digest in it, so it is one whose content differs.
    let named = "00".repeat(32);
    let child = json!({"mediaType": INDEX, "digest": format!("sha256:{named}"), "size": 250, "annotations": {NAMED: "a.example/app:1"}});
    let mut bytes = index(std::slice::from_ref(&child)).to_string().into_bytes();
    let size = bytes.len();
    bytes.resize(250.max(size), b' ');
    let mut child = child;
    child["size"] = json!(bytes.len());
    let tar = Tar::default().file(&format!("blobs/sha256/{named}"), &bytes);
    assert_eq!(
        refusal(layout(tar, &[child])),
        format!(
            "blobs/sha256/{named}: expected digest sha256:{named}, found {}",
            digest(&bytes)
        )
    );
}

#[test]
fn documents_are_limited_in_size_and_depth() {
    let top = |bytes: &[u8]| {
        let tar = Tar::default().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        refusal(tar.file("index.json", bytes).end())
    };
    assert_eq!(
        top(&vec![b' '; 8 * 1024 * 1024 + 1]),
        "index.json: the size of a document in bytes exceeds the limit of 8388608"
    );
    let deep = format!("{{\"annotations\":{}", "[".repeat(100_000));
    let told = top(deep.as_bytes());
    assert!(
        told.starts_with("index.json: it is not a valid image index"),
        "{told}"
    );
    let deep = format!("{{\"manifests\":{}", "[".repeat(100_000));
    let told = top(deep.as_bytes());
    assert!(
        told.starts_with("index.json: it is not a valid image index"),
        "{told}"
    );
}

#[test]
fn what_decompresses_to_far_more_than_images_do_is_refused() {
    let zeros = vec![0; 48 * 1024 * 1024];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&zeros).unwrap();
    let bomb = encoder.finish().unwrap();
    let size = bomb.len() as u64;
    assert!(bound(size) < zeros.len() as u64);
    let refused = spool(&bomb[..], Form::Gzip, size).err().unwrap();
    assert_eq!(
        refused.to_string(),
        format!(
            "it decompresses to more than {} bytes, and has {size}",
            bound(size)
        )
    );

    let layer =
        ruzstd::encoding::compress_to_vec(&zeros[..], ruzstd::encoding::CompressionLevel::Fastest);
    let config =
        json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [digest(&zeros)]}});
    let made = Made::of(layer, "application/vnd.oci.image.layer.v1.tar+zstd", config);
    let told = refusal(made.archive());
    assert!(told.contains(": it decompresses to more than "), "{told}");
}

#[test]
fn a_directory_is_not_left() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("layout");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(outer.path().join("index.json"), "{}").unwrap();
    std::fs::write(
        directory.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    std::os::unix::fs::symlink("../index.json", directory.join("index.json")).unwrap();
    let opened = open::open(&directory, &mut |_| {}).map_err(|_| ()).unwrap();
    let found = opened.tree.find("index.json");
    assert_eq!(
        found.unwrap_err().to_string(),
        "`index.json` leads outside the archive"
    );
    assert!(opened.tree.find("../index.json").is_err());
    std::fs::remove_file(directory.join("index.json")).unwrap();
    std::os::unix::fs::symlink("oci-layout", directory.join("index.json")).unwrap();
    assert!(opened.tree.find("index.json").unwrap().is_some());
}
