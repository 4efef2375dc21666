//! Every sample of `fixtures/payload/`: what is read from it, or how it is refused.

use super::super::open;
use super::*;

/// A sample, and what is told of it, a line each: `NAME = TARGET PLATFORM: LAYERS` with the first digits of digests, `(made)` if the
/// target is not a registry's.
const SAMPLES: &[(&str, &[&str])] = &[
    (
        "oci/arm64-only.tar",
        &[
            "refused: image registry.example.com/team/app:1: it has no image for linux/amd64; it has linux/arm64",
        ],
    ),
    (
        "oci/blob-entry-twice.tar",
        &["registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/crane-oci-layout.tar",
        &["127.0.0.1:5055/s/app:1 = 7d01492fcf0d linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/ctr-export-two-images.tar",
        &[
            "registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b",
            "registry.example.com/team/app:second = b08ee86fa9b6 linux/amd64: c75ac59332d1 c8e4789e3d31",
        ],
    ),
    (
        "oci/empty-and-duplicate-layers.tar",
        &[
            "registry.example.com/team/app:1 = 759fc966da1f linux/amd64: 89084abb36f5 b94b4d079a0a de958930e93b de958930e93b",
        ],
    ),
    (
        "oci/foreign-layer-absent.tar",
        &[
            "refused: blobs/sha256/446a6f413f41eee184f20a0a9a7c1760ab3f5cb466f0b6c5d7d743a25226a881: layer sha256:de958930e93b9587e6f54d2f7de06148db3e020130a556f527c4b72684502c0e is a foreign layer that is not in the archive; its manifest says to download it from https://example.invalid/layer",
        ],
    ),
    (
        "oci/hauler-shape.tar",
        &["registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/layers-uncompressed.tar",
        &["registry.example.com/team/app:1 = 497edc825b3d linux/amd64: c75ac59332d1 c8e4789e3d31"],
    ),
    (
        "oci/layers-zstd.tar",
        &["registry.example.com/team/app:1 = 8b1434ca1253 linux/amd64: 90d442984253 74a803a5f69d"],
    ),
    (
        "oci/multi-arch-attestations.tar",
        &["registry.example.com/team/app:1 = 7d01492fcf0d linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/multi-arch-one-platform-present.tar",
        &["registry.example.com/team/app:1 = 7d01492fcf0d linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/name-by-digest.tar",
        &[
            "registry.example.com/team/app@sha256:06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b",
        ],
    ),
    (
        "oci/name-in-ref-annotation.tar",
        &["registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/name-tag-only.tar",
        &[
            "refused: image sha256:06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869 has no name, only the tag `1`",
        ],
    ),
    (
        "oci/nested-index.tar",
        &["registry.example.com/team/app:1 = d1e4d416aa71 linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/no-name.tar",
        &[
            "refused: image sha256:06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869 has no name",
        ],
    ),
    (
        "oci/one.tar",
        &["registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/one.tar.gz",
        &[
            "decompressed: gzip",
            "registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b",
        ],
    ),
    (
        "oci/podman-oci-archive.tar",
        &["registry.example.com/team/app:1 = d8b906fec9b4 linux/amd64: abb6d447a446 683913972978"],
    ),
    (
        "oci/skopeo-dir-transport.tar",
        &["refused: it is in skopeo's `dir:` format, which records no image name"],
    ),
    (
        "oci/skopeo-oci-archive-all.tar",
        &[
            "registry.example.com/team/app:multi = 7d01492fcf0d linux/amd64: 89084abb36f5 de958930e93b",
        ],
    ),
    (
        "oci/skopeo-oci-archive.tar",
        &["registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "oci/two-names-one-image.tar",
        &[
            "registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b",
            "registry.example.com/team/app:latest = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b",
        ],
    ),
    (
        "oci/umoci-layout.tar",
        &[
            "refused: image sha256:d2ca81c7c4370ea1837a178a2fac8177b6d513582ad43a6ac7d58db6630e30fe has no name, only the tag `1`",
        ],
    ),
    (
        "oci/with-artifact.tar",
        &[
            "registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b",
            "skipped: registry.example.com/team/artifact:1 (application/vnd.example)",
        ],
    ),
    (
        "oci/zarf-shape.tar",
        &["registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "docker/crane-legacy.tar",
        &["127.0.0.1:5055/s/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31"],
    ),
    (
        "docker/crane-tarball.tar",
        &["127.0.0.1:5055/s/app:1 = 35f98efdf9a0 linux/amd64 (made): 89084abb36f5 de958930e93b"],
    ),
    (
        "docker/docker20-multi.tar",
        &[
            "registry.example.com/team/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
            "registry.example.com/team/app:dup = c0400dad935d linux/amd64 (made): c75ac59332d1 84ff92691f90 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/docker20-multi.tar.gz",
        &[
            "decompressed: gzip",
            "registry.example.com/team/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
            "registry.example.com/team/app:dup = c0400dad935d linux/amd64 (made): c75ac59332d1 84ff92691f90 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/docker20-multi.tar.xz",
        &["refused: it is compressed with xz, which is not supported"],
    ),
    (
        "docker/docker20-multi.tar.zst",
        &[
            "decompressed: zstd",
            "registry.example.com/team/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
            "registry.example.com/team/app:dup = c0400dad935d linux/amd64 (made): c75ac59332d1 84ff92691f90 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/docker20-single.tar",
        &[
            "registry.example.com/team/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
        ],
    ),
    (
        "docker/docker26-classic-store-by-id.tar",
        &[
            "refused: image sha256:a524f8a26debd695c29be04f3aa09c7aa020b79040bd344bcc3ce63556dbc0e8 has no name",
        ],
    ),
    (
        "docker/docker26-classic-store-multi.tar",
        &[
            "registry.example.com/team/app:1 = 497edc825b3d linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
            "registry.example.com/team/app:dup = a524f8a26deb linux/amd64 (made): c75ac59332d1 84ff92691f90 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/docker26-classic-store-single.tar",
        &[
            "registry.example.com/team/app:1 = 497edc825b3d linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
        ],
    ),
    (
        "docker/docker26-containerd-store-multi-arch.tar",
        &["registry.example.com/team/app:1 = 7d01492fcf0d linux/amd64: 89084abb36f5 de958930e93b"],
    ),
    (
        "docker/docker26-containerd-store-multi.tar",
        &[
            "registry.example.com/team/app:1 = b08ee86fa9b6 linux/amd64: c75ac59332d1 c8e4789e3d31",
            "registry.example.com/team/app:dup = 6792ca9d26a0 linux/amd64: c75ac59332d1 84ff92691f90 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/docker26-containerd-store-single.tar",
        &["registry.example.com/team/app:1 = b08ee86fa9b6 linux/amd64: c75ac59332d1 c8e4789e3d31"],
    ),
    (
        "docker/layer-hardlink.tar",
        &[
            "registry.example.com/team/app:1 = 788e7c510e13 linux/amd64 (made): c75ac59332d1 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/layer-symlink.tar",
        &[
            "registry.example.com/team/app:1 = 788e7c510e13 linux/amd64 (made): c75ac59332d1 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/podman-multi.tar",
        &[
            "registry.example.com/team/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
            "registry.example.com/team/app:dup = c0400dad935d linux/amd64 (made): c75ac59332d1 84ff92691f90 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "docker/podman-single.tar",
        &[
            "registry.example.com/team/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
        ],
    ),
    (
        "docker/skopeo-docker-archive.tar",
        &[
            "registry.example.com/team/app:1 = 0f60167e588a linux/amd64 (made): c75ac59332d1 c8e4789e3d31",
        ],
    ),
    (
        "docker/skopeo-dup.tar",
        &[
            "registry.example.com/team/app:dup = c0400dad935d linux/amd64 (made): c75ac59332d1 84ff92691f90 c8e4789e3d31 c8e4789e3d31",
        ],
    ),
    (
        "broken/config-missing.tar",
        &[
            "refused: blobs/sha256/c00f7110ae90929aa2782ccd1a6c5d00235ff55f4ee291fcaaea0fc6e2665084: the image's configuration is missing",
        ],
    ),
    (
        "broken/diff-id-wrong.tar",
        &[
            "registry.example.com/team/app:1 = a3555a1d8a2e linux/amd64: 89084abb36f5 de958930e93b",
            "refused: blobs/sha256/89084abb36f5fcd82431e452514927aa80836e69ca8fb660eb4dc16087ede79f: uncompressed, the layer has digest sha256:c75ac59332d175ec3358bde0ac1986132149654ffba2589188578447ebe883dd; the image's configuration expects diff_id sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ],
    ),
    (
        "broken/index-missing.tar",
        &[
            "refused: blobs/sha256/1111111111111111111111111111111111111111111111111111111111111111: an index is missing",
        ],
    ),
    (
        "broken/index-wrong-size.tar",
        &[
            "refused: blobs/sha256/06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869: expected 556 bytes, found 555",
        ],
    ),
    (
        "broken/layer-bit-flipped.tar",
        &[
            "registry.example.com/team/app:1 = 06aa55abe030 linux/amd64: 89084abb36f5 de958930e93b",
            "refused: blobs/sha256/89084abb36f5fcd82431e452514927aa80836e69ca8fb660eb4dc16087ede79f: expected digest sha256:89084abb36f5fcd82431e452514927aa80836e69ca8fb660eb4dc16087ede79f, found sha256:66d861bad8fb1a117946644c34a2ae08fc8ab85cc43f40e607d145e7297012fc",
        ],
    ),
    (
        "broken/layer-missing.tar",
        &[
            "refused: blobs/sha256/89084abb36f5fcd82431e452514927aa80836e69ca8fb660eb4dc16087ede79f: a layer is missing",
        ],
    ),
    (
        "broken/manifest-bit-flipped.tar",
        &[
            "refused: blobs/sha256/06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869: expected digest sha256:06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869, found sha256:5b806cab799a7245f53dfab30e53fe1ba5dbd922d046eb374f63ab5aa971c8ac",
        ],
    ),
    (
        "broken/no-oci-layout-file.tar",
        &["refused: oci-layout: the marker of an OCI layout is missing"],
    ),
    (
        "broken/schema1-manifest.tar",
        &[
            "refused: image registry.example.com/team/app:1: its manifest has Docker's schema 1, which container runtimes no longer take",
        ],
    ),
    (
        "broken/truncated.tar",
        &[
            "refused: blobs/sha256/06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869: the image's manifest is missing; the archive has no end marker, so it may have been cut off",
        ],
    ),
];

fn told(sample: &str) -> Vec<String> {
    let mut told = Vec::new();
    let path = samples().join(sample);
    let opened = open::open(&path, &mut |form| {
        told.push(format!("decompressed: {form}"))
    });
    let source = path.display().to_string();
    let refused = |refusal: &Refusal| {
        let text = refusal.to_string();
        format!(
            "refused: {}",
            text.strip_prefix(&format!("{source}: ")).unwrap()
        )
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(refusal) => return vec![refused(&refusal)],
    };
    let (contents, refusals) =
        contents::read(&[opened], &[Platform::linux("amd64")], &[], &|_, _| {});
    for image in &contents.images {
        let names = image.names.iter().map(|name| name.reference.stored());
        for variant in &image.variants {
            let layers = variant.layers.iter().map(|layer| layer.blob.digest.short());
            told.push(format!(
                "{} = {} {}{}: {}",
                names.clone().collect::<Vec<_>>().join(", "),
                image.target.digest.short(),
                variant.platform,
                if image.is_original { "" } else { " (made)" },
                layers.collect::<Vec<_>>().join(" ")
            ));
        }
    }
    let skipped = contents.skipped.iter();
    told.extend(skipped.map(|skipped| format!("skipped: {} ({})", skipped.name, skipped.what)));
    told.extend(refusals.iter().map(refused));
    if refusals.is_empty() {
        assert_blobs(&contents);
    }
    told
}

#[test]
fn every_sample_is_read_or_refused_rightly() {
    for (sample, expected) in SAMPLES {
        assert_eq!(told(sample), *expected, "{sample}");
    }
}

#[test]
fn every_sample_is_in_the_table() {
    let mut files = Vec::new();
    for directory in ["broken", "docker", "oci"] {
        for entry in std::fs::read_dir(samples().join(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            files.push(format!("{directory}/{name}"));
        }
    }
    files.sort();
    let mut listed: Vec<&str> = SAMPLES.iter().map(|(sample, _)| *sample).collect();
    listed.sort_unstable();
    assert_eq!(files, listed);
}

/// The same image has the same manifest, whatever program saved it, and whether it is compressed as a whole.
#[test]
fn archives_of_one_image_give_the_same_image() {
    let lines = |sample: &str| -> Vec<String> {
        let told = told(sample).into_iter();
        told.filter(|line| line.contains(" = ")).collect()
    };
    for (first, second) in [
        ("oci/one.tar", "oci/one.tar.gz"),
        ("docker/docker20-multi.tar", "docker/docker20-multi.tar.zst"),
        ("docker/docker20-multi.tar", "docker/docker20-multi.tar.gz"),
        ("docker/docker20-multi.tar", "docker/podman-multi.tar"),
        (
            "docker/docker20-single.tar",
            "docker/skopeo-docker-archive.tar",
        ),
        ("docker/layer-hardlink.tar", "docker/layer-symlink.tar"),
    ] {
        assert_eq!(lines(first), lines(second));
        assert!(!lines(first).is_empty());
    }
}

/// A layout that was unpacked is the same as the archive.
#[test]
fn a_directory_is_read_like_an_archive() {
    let directory = tempfile::tempdir().unwrap();
    let archive =
        opened(std::fs::read(samples().join("oci/multi-arch-attestations.tar")).unwrap()).unwrap();
    let (whole, _) = contents::read(&[archive], &[Platform::linux("amd64")], &[], &|_, _| {});
    let blobs = directory.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    for (digest, blob) in &whole.blobs {
        let mut bytes = Vec::new();
        blob.open().unwrap().read_to_end(&mut bytes).unwrap();
        std::fs::write(blobs.join(digest.to_string()), bytes).unwrap();
    }
    let target = &whole.images[0].target;
    let top = index(&[json!({
        "mediaType": target.media_type, "digest": target.oci_digest(), "size": target.size,
        "annotations": {NAMED: "registry.example.com/team/app:1"},
    })]);
    std::fs::write(directory.path().join("index.json"), top.to_string()).unwrap();
    std::fs::write(
        directory.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    let opened = open::open(directory.path(), &mut |_| {})
        .map_err(|_| ())
        .unwrap();
    let (read, refusals) = contents::read(&[opened], &[Platform::linux("amd64")], &[], &|_, _| {});
    assert!(refusals.is_empty(), "{refusals:?}");
    assert_blobs(&read);
    assert_eq!(read.images[0].target, whole.images[0].target);
    assert_eq!(read.images[0].variants, whole.images[0].variants);
    assert_eq!(
        read.blobs.keys().collect::<Vec<_>>(),
        whole.blobs.keys().collect::<Vec<_>>()
    );
}
