//! Images as other programs make them, and what is wrong with some: archives that are made here.

use serde_json::json;

use super::super::image::Name;
use super::super::reference::Reference;
use super::*;

fn given(digest: Option<Sha256Digest>, name: &str) -> Given {
    Given {
        source: "a.tar".to_owned(),
        digest,
        name: Name {
            written: name.to_owned(),
            reference: Reference::parse(name).unwrap(),
        },
    }
}

fn names(contents: &Contents) -> Vec<String> {
    let images = contents.images.iter();
    images
        .flat_map(|image| image.names.iter().map(|name| name.reference.stored()))
        .collect()
}

#[test]
fn annotations_name_an_image_in_the_order_of_how_sure_they_are() {
    let made = Made::new("amd64");
    for (annotations, expected) in [
        (
            json!({NAMED: "x:1", "org.opencontainers.image.ref.name": "a.example/y:2"}),
            "docker.io/library/x:1",
        ),
        (
            json!({"org.opencontainers.image.ref.name": "a.example/y:2", "org.opencontainers.image.base.name": "z:3"}),
            "a.example/y:2",
        ),
        (
            json!({"org.opencontainers.image.ref.name": "3", "org.opencontainers.image.base.name": "z:3"}),
            "docker.io/library/z:3",
        ),
        (
            json!({"org.opencontainers.image.ref.name": "team/app:1", "hauler.dev/registry": "a.example"}),
            "a.example/team/app:1",
        ),
        (
            json!({"org.opencontainers.image.ref.name": "a.example/app:1", "hauler.dev/registry": "a.example"}),
            "a.example/app:1",
        ),
    ] {
        let archive = layout(made.blobs(Tar::default()), &[made.descriptor(&annotations)]);
        let (contents, refusals) = read(archive);
        assert_eq!(refusals, [""; 0]);
        assert_eq!(names(&contents), [expected], "{annotations}");
    }
}

#[test]
fn the_user_names_what_has_no_name() {
    let made = Made::new("amd64");
    let manifest = Sha256Digest::of(made.manifest.to_string().as_bytes());
    let nameless = || layout(made.blobs(Tar::default()), &[made.descriptor(&json!({}))]);
    for digest in [None, Some(manifest)] {
        let (contents, refusals) = read_for(nameless(), &["amd64"], &[given(digest, "team/app:7")]);
        assert_eq!(refusals, [""; 0]);
        assert_eq!(names(&contents), ["docker.io/team/app:7"]);
        assert!(contents.unused.is_empty());
    }
    let other = given(Some(Sha256Digest::of(b"other")), "team/app:7");
    let (contents, refusals) = read_for(nameless(), &["amd64"], std::slice::from_ref(&other));
    assert_eq!(contents.unused, [other]);
    assert_eq!(
        refusals,
        [format!("a.tar: image sha256:{manifest} has no name")]
    );
}

#[test]
fn one_tar_can_serve_several_platforms() {
    let (amd64, arm64) = (Made::new("amd64"), Made::new("arm64"));
    let of = |made: &Made, arch: &str, variant: &str| {
        let mut descriptor = made.descriptor(&json!({}));
        descriptor["platform"] = json!({"os": "linux", "architecture": arch, "variant": variant});
        descriptor
    };
    let index = index(&[of(&amd64, "amd64", ""), of(&arm64, "arm64", "v8")]);
    let top = of_index(&index, &json!({NAMED: "a.example/app:1"}));
    let both = arm64.blobs(amd64.blobs(Tar::default()));
    let archive = layout(
        both.blob(index.to_string().as_bytes()),
        std::slice::from_ref(&top),
    );
    let (contents, refusals) = read_for(archive.clone(), &["amd64", "arm64"], &[]);
    assert_eq!(refusals, [""; 0]);
    assert_blobs(&contents);
    let platforms: Vec<String> = contents.images[0]
        .variants
        .iter()
        .map(|variant| variant.platform.to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let top_blob = &contents.blobs[&contents.images[0].target.digest];
    let roles: Vec<&str> = top_blob.children.iter().map(|child| &*child.role).collect();
    assert_eq!(roles, ["m.0", "m.1"]);

    let (contents, refusals) = read_for(archive.clone(), &["arm64"], &[]);
    assert_eq!(refusals, [""; 0]);
    assert_eq!(contents.blobs.len(), 4);
    let top_blob = &contents.blobs[&contents.images[0].target.digest];
    assert_eq!(top_blob.children.len(), 1);
    assert_eq!(top_blob.children[0].role, "m.1");
    assert_eq!(
        read_for(archive, &["s390x"], &[]).1,
        [
            "a.tar: image a.example/app:1: it has no image for linux/s390x; it has linux/amd64, linux/arm64"
        ]
    );

    // The blobs of one platform may be absent, but not those of the only wanted one.
    let half = || {
        layout(
            amd64
                .blobs(Tar::default())
                .blob(index.to_string().as_bytes()),
            std::slice::from_ref(&top),
        )
    };
    assert_eq!(read_for(half(), &["amd64", "arm64"], &[]).1, [""; 0]);
    let absent = digest(arm64.manifest.to_string().as_bytes());
    assert_eq!(
        read_for(half(), &["arm64"], &[]).1,
        [format!(
            "a.tar: image a.example/app:1: it lists an image for linux/arm64, but the manifest {absent} of it is missing"
        )]
    );
}

#[test]
fn documents_that_mean_two_things_are_refused() {
    let with = |change: &dyn Fn(&mut Made)| {
        let mut made = Made::new("amd64");
        change(&mut made);
        let told = refusal(made.archive());
        told.split_once(": ").unwrap().1.to_owned()
    };
    for (change, expected) in [
        (
            &(|made: &mut Made| made.manifest["manifests"] = json!([])) as &dyn Fn(&mut Made),
            format!(
                "its descriptor says media type `{MANIFEST}`, but it is `an index and a manifest at once`"
            ),
        ),
        (
            &|made| made.manifest["mediaType"] = json!(INDEX),
            format!("its descriptor says media type `{MANIFEST}`, but it is `{INDEX}`"),
        ),
        (
            &|made| made.manifest["schemaVersion"] = json!(3),
            "schemaVersion `3` is not supported".to_owned(),
        ),
        (
            &|made| {
                made.manifest["layers"][0]["mediaType"] = json!(format!("{LAYER}+gzip+encrypted"))
            },
            format!("layer {} is encrypted", digest(&Made::new("amd64").layer)),
        ),
        (
            &|made| made.manifest["layers"][0]["mediaType"] = json!(format!("{LAYER}+lzma")),
            format!("a layer's media type `{LAYER}+lzma` is not supported"),
        ),
        (
            &|made| made.manifest["layers"][0]["mediaType"] = json!(format!("{LAYER}+gzip")),
            format!("its media type is `{LAYER}+gzip`, but its bytes are not compressed"),
        ),
        (
            &|made| made.manifest["layers"][0]["digest"] = json!("sha512:00"),
            "digest `sha512:00` is not supported".to_owned(),
        ),
        (
            &|made| made.manifest["layers"] = json!([]),
            "the manifest has 0 layers, but the configuration 1 diff_ids".to_owned(),
        ),
    ] {
        assert_eq!(with(change), expected);
    }
}

#[test]
fn an_archive_without_an_image_says_what_it_has() {
    let mut made = Made::new("amd64");
    made.manifest["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    assert_eq!(
        refusal(made.archive()),
        "it contains no image, only a.example/app:1 (application/vnd.cncf.helm.config.v1+json)"
    );
    let role = "index.json of an OCI layout, or manifest.json of a docker archive, is missing";
    assert_eq!(refusal(Tar::default().file("x", b"").end()), role);
    assert_eq!(
        refusal(Tar::default().file("x", b"").0),
        format!("{role}; the archive has no end marker, so it may have been cut off")
    );
    let old = Tar::default()
        .file("repositories", b"{}")
        .file("0/layer.tar", b"");
    assert_eq!(
        refusal(old.end()),
        "it was saved by Docker before 1.10: it has `repositories`, but no manifest.json"
    );
    let not = "it is not a tar archive, nor one that is compressed with gzip or zstd";
    assert_eq!(refusal(b"hello".to_vec()), not);
    assert_eq!(refusal(vec![b'a'; 4096]), not);
    assert_eq!(refusal(Vec::new()), not);
}

#[test]
fn a_layout_may_lie_in_a_directory_of_the_archive() {
    let made = Made::new("amd64");
    let inner = made.archive();
    // As in a package of Zarf: the same entries below `images/`.
    let prefixed = |prefix: &str| {
        let mut tar = Tar::default().file("zarf.yaml", b"kind: ZarfPackageConfig\n");
        let mut at = 0;
        while inner[at] != 0 {
            let text = |from: usize, size: usize| {
                let field = &inner[at + from..at + from + size];
                let end = field.iter().position(|b| *b == 0).unwrap_or(size);
                std::str::from_utf8(&field[..end]).unwrap()
            };
            let size = usize::from_str_radix(text(124, 12), 8).unwrap();
            let content = &inner[at + 512..at + 512 + size];
            tar = tar.file(&format!("{prefix}{}", text(0, 100)), content);
            at += 512 + size.next_multiple_of(512);
        }
        tar
    };
    let (contents, refusals) = read(prefixed("images/").end());
    assert_eq!(refusals, [""; 0]);
    assert_eq!(names(&contents), ["a.example/app:1"]);
    assert_blobs(&contents);
    let two = [prefixed("a/").0, prefixed("b/").end()[1024..].to_vec()].concat();
    assert_eq!(
        refusal(two),
        "it has image layouts in several directories: a, b"
    );
}

#[test]
fn a_docker_archive_gets_the_manifest_that_it_has_not() {
    let made = Made::new("amd64");
    let config = made.config.to_string();
    let id = Sha256Digest::of(config.as_bytes());
    let saved = json!([{"Config": format!("{id}.json"), "RepoTags": ["app:1", "<none>:<none>"], "Layers": ["l.tar"]}]);
    let archive = |config_name: &str, layer: &[u8], saved: &Value| {
        Tar::default()
            .file("l.tar", layer)
            .file(config_name, config.as_bytes())
            .file("manifest.json", saved.to_string().as_bytes())
            .end()
    };
    let own = format!("{id}.json");
    let (contents, refusals) = read(archive(&own, &made.layer, &saved));
    assert_eq!(refusals, [""; 0]);
    assert_blobs(&contents);
    assert_eq!(names(&contents), ["docker.io/library/app:1"]);
    let image = &contents.images[0];
    assert!(!image.is_original);
    let expected = format!(
        "{{\"config\":{{\"digest\":\"sha256:{id}\",\"mediaType\":\"{CONFIG}\",\"size\":{}}},\"layers\":[{{\"digest\":\"{}\",\"mediaType\":\"{}\",\"size\":{}}}],\"mediaType\":\"{MANIFEST}\",\"schemaVersion\":2}}",
        config.len(),
        digest(&made.layer),
        made.layer_type,
        made.layer.len(),
    );
    assert_eq!(image.target.digest, Sha256Digest::of(expected.as_bytes()));

    let mut other = made.layer.clone();
    other[3] ^= 1;
    assert_eq!(
        refusal(archive(&own, &other, &saved)),
        format!(
            "l.tar: uncompressed, the layer has digest {}; the image's configuration expects diff_id {}",
            digest(&other),
            digest(&made.layer)
        )
    );
    let wrong = format!("{}.json", "0a".repeat(32));
    let renamed = json!([{"Config": wrong, "RepoTags": ["app:1"], "Layers": ["l.tar"]}]);
    assert_eq!(
        refusal(archive(&wrong, &made.layer, &renamed)),
        format!(
            "{wrong}: expected digest sha256:{}, found sha256:{id}",
            "0a".repeat(32)
        )
    );
    let absent = json!([{"Config": own, "RepoTags": ["app:1"], "Layers": ["../l.tar"]}]);
    assert_eq!(
        refusal(archive(&own, &made.layer, &absent)),
        "../l.tar: `../l.tar` leads outside the archive"
    );
}

#[test]
fn one_name_leads_to_one_image_for_each_platform() {
    let named = |made: &Made| opened(made.archive()).unwrap();
    let (first, arm64) = (Made::new("amd64"), Made::new("arm64"));
    let mut second = Made::new("amd64");
    second.config["author"] = json!("another");
    let second = Made::of(second.layer, LAYER, second.config);
    let wanted = [Platform::linux("amd64"), Platform::linux("arm64")];
    let refusals = |sources: &[Opened]| -> Vec<String> {
        let (_, refusals) = contents::read(sources, &wanted, &[], &|_, _| {});
        refusals.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        refusals(&[named(&first), named(&arm64), named(&first)]),
        [""; 0]
    );
    let of = |made: &Made| digest(made.manifest.to_string().as_bytes());
    assert_eq!(
        refusals(&[named(&first), named(&second)]),
        [format!(
            "a.tar: `a.example/app:1` (linux/amd64) is image {} here, but {} in a.tar",
            of(&second),
            of(&first)
        )]
    );
}

#[test]
fn a_name_with_a_digest_is_true() {
    let made = Made::new("amd64");
    let own = digest(made.manifest.to_string().as_bytes());
    let archive = |digest: &str| {
        let named = json!({NAMED: format!("a.example/app@{digest}")});
        layout(made.blobs(Tar::default()), &[made.descriptor(&named)])
    };
    assert_eq!(read(archive(&own)).1, [""; 0]);
    let other = digest(b"other");
    assert_eq!(
        refusal(archive(&other)),
        format!(
            "image a.example/app@{other}: its name says digest {other}, but the image has {own}"
        )
    );
}
