//! Finds the images that Kubernetes objects use.
//!
//! In: the documents of a YAML text. Out: [`Use`]s, in the order of the text. Images of containers and image volumes are found by
//! their shape, wherever it is, so also in templates of custom resources. Other places only look like images: keys that end with
//! `image`, environment variables, arguments, values of ConfigMaps. Those are suspects, which a person has to judge. An operator
//! that makes up its images by itself cannot be looked through; known ones are named.
//!
//! Nothing is guessed from the network, and the same text always gives the same uses.

use super::reference::Reference;
use crate::yaml::read::{self, Data, Entry, Node};

/// A place where an object uses an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The image as written.
    pub image: String,
    /// Whether it may be something else than an image that a node has to have.
    pub is_suspect: bool,
    /// The object: kind, namespace and name.
    pub object: String,
    /// The field, such as `spec.template.spec.containers[0].image`.
    pub field: String,
    /// The line of the value, from 1.
    pub line: u64,
    /// Whether the kubelet asks the registry although the image is there.
    pub pulls_always: bool,
}

/// What was found in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Images.
    pub images: Vec<Use>,
    /// Objects whose images are in no manifest: the object, and what chooses them.
    pub unseen: Vec<(String, &'static str)>,
}

/// Objects from which an operator makes workloads whose images it knows by itself: API group, kind, operator.
const OPERANDS: [(&str, &str, &str); 4] = [
    ("operator.tigera.io", "Installation", "Calico's operator"),
    (
        "operators.coreos.com",
        "Subscription",
        "the Operator Lifecycle Manager",
    ),
    ("postgresql.cnpg.io", "Cluster", "CloudNativePG's operator"),
    ("argoproj.io", "ArgoCD", "Argo CD's operator"),
];

const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Finds the images that the objects of `documents` use.
#[must_use]
pub fn find(documents: &[Node]) -> Uses {
    let mut uses = Uses::default();
    for document in documents {
        let items = field(document, "items").and_then(list);
        match (text_of(document, "kind"), items) {
            (Some(kind), Some(items)) if kind.ends_with("List") => {
                for item in items {
                    of_object(item, &mut uses);
                }
            }
            _ => of_object(document, &mut uses),
        }
    }
    uses
}

fn of_object(node: &Node, uses: &mut Uses) {
    let object = name(node);
    let group = text_of(node, "apiVersion").and_then(|version| version.split_once('/'));
    let kind = text_of(node, "kind").unwrap_or_default();
    let operand = OPERANDS
        .iter()
        .find(|(of, named, _)| group.is_some_and(|(group, _)| group == *of) && *named == kind);
    if let Some((.., operator)) = operand {
        uses.unseen.push((object.clone(), operator));
    }
    let mut search = Search {
        object: &object,
        is_embedded: false,
        images: &mut uses.images,
    };
    search.node(node, "");
    if kind == "ConfigMap" {
        search.config_map(node);
    }
}

/// `DaemonSet kube-system/kube-proxy`, as far as the object says it.
fn name(node: &Node) -> String {
    let metadata = field(node, "metadata");
    let of = |key| metadata.and_then(|metadata| text_of(metadata, key));
    let kind = text_of(node, "kind").unwrap_or("object");
    match (of("namespace"), of("name").or_else(|| of("generateName"))) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        _ => kind.to_owned(),
    }
}

struct Search<'a> {
    object: &'a str,
    /// Inside a text of a ConfigMap, where everything is a suspect.
    is_embedded: bool,
    images: &'a mut Vec<Use>,
}

impl Search<'_> {
    /// The depth is that of the YAML reader, which limits it.
    fn node(&mut self, node: &Node, path: &str) {
        match &node.data {
            Data::Map(entries) => {
                for entry in entries {
                    let path = if path.is_empty() {
                        entry.key.clone()
                    } else {
                        format!("{path}.{}", entry.key)
                    };
                    self.entry(entry, &path);
                }
            }
            Data::Seq(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.node(item, &format!("{path}[{at}]"));
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, Entry { key, value, .. }: &Entry, path: &str) {
        match (key.as_str(), &value.data) {
            (key, Data::Seq(items)) if CONTAINERS.contains(&key) => self.containers(items, path),
            ("volumes", Data::Seq(items)) => self.volumes(items, path),
            ("env", Data::Seq(items)) => self.environment(items, path),
            ("args" | "command", Data::Seq(items)) => self.arguments(items, path),
            (key, Data::String(text)) if is_image_key(key) => {
                if is_telling(text) {
                    self.add(text, value, path, true, false);
                }
            }
            (key, Data::Map(_)) if is_image_key(key) => self.parts(value, path),
            _ => self.node(value, path),
        }
    }

    fn containers(&mut self, items: &[Node], path: &str) {
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let Data::Map(entries) = &item.data else {
                continue;
            };
            let policy = text_of(item, "imagePullPolicy");
            for entry in entries {
                let path = format!("{path}.{}", entry.key);
                match (entry.key.as_str(), &entry.value.data) {
                    ("image", Data::String(image)) => {
                        self.image(image, &entry.value, &path, policy);
                    }
                    _ => self.entry(entry, &path),
                }
            }
        }
    }

    fn volumes(&mut self, items: &[Node], path: &str) {
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let image = field(item, "image");
            let reference = image.and_then(|image| field(image, "reference"));
            match (
                image,
                reference.map(|reference| (reference, &reference.data)),
            ) {
                (Some(image), Some((value, Data::String(reference)))) => {
                    let path = format!("{path}.image.reference");
                    self.image(reference, value, &path, text_of(image, "pullPolicy"));
                }
                _ => self.node(item, &path),
            }
        }
    }

    /// An image that a kubelet pulls or finds.
    fn image(&mut self, image: &str, value: &Node, path: &str, policy: Option<&str>) {
        // Kubernetes' default: `Always` for `latest` and for no tag.
        let latest = || Reference::parse(image).is_some_and(|reference| is_latest(&reference));
        let pulls_always = match policy {
            Some("") | None => latest(),
            Some(policy) => policy == "Always",
        };
        self.add(image, value, path, false, pulls_always);
    }

    fn environment(&mut self, items: &[Node], path: &str) {
        for (at, item) in items.iter().enumerate() {
            let named = text_of(item, "name").unwrap_or_default();
            let value = field(item, "value");
            if let Some((value, Data::String(text))) = value.map(|value| (value, &value.data))
                && named.to_ascii_uppercase().contains("IMAGE")
                && is_telling(text)
            {
                self.add(text, value, &format!("{path}[{at}].value"), true, false);
            }
        }
    }

    /// `--some-image=REFERENCE`, and `--some-image` followed by the reference.
    fn arguments(&mut self, items: &[Node], path: &str) {
        let mut names_next = false;
        for (at, item) in items.iter().enumerate() {
            let Data::String(text) = &item.data else {
                names_next = false;
                continue;
            };
            let path = format!("{path}[{at}]");
            let (flag, value) = match text.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => (flag, Some(value)),
                _ => (text.as_str(), None),
            };
            let is_flag = flag.starts_with('-') && is_image_key(flag);
            match value {
                Some(value) if is_flag && is_telling(value) => {
                    self.add(value, item, &path, true, false);
                }
                None if names_next && is_telling(text) => self.add(text, item, &path, true, false),
                _ => {}
            }
            names_next = is_flag && value.is_none();
        }
    }

    /// `image: {registry, repository, tag, digest}`, as values of charts are.
    fn parts(&mut self, value: &Node, path: &str) {
        let Some(repository) = text_of(value, "repository") else {
            self.node(value, path);
            return;
        };
        let of = |key| text_of(value, key).filter(|text| !text.is_empty());
        let mut image = match of("registry") {
            Some(registry) => format!("{registry}/{repository}"),
            None => repository.to_owned(),
        };
        for (sign, part) in [(':', of("tag")), ('@', of("digest"))] {
            if let Some(part) = part {
                image.push(sign);
                image.push_str(part);
            }
        }
        if is_telling(&image) {
            self.add(&image, value, path, true, false);
        }
    }

    /// Texts in a ConfigMap that are YAML themselves. Others, such as templates, are not looked through.
    fn config_map(&mut self, node: &Node) {
        let Some(Data::Map(entries)) = field(node, "data").map(|data| &data.data) else {
            return;
        };
        for entry in entries {
            let Data::String(text) = &entry.value.data else {
                continue;
            };
            let Ok(documents) = read::read(text) else {
                continue;
            };
            let mut inside = Search {
                object: self.object,
                is_embedded: true,
                images: &mut *self.images,
            };
            let before = inside.images.len();
            for document in &documents {
                inside.node(document, &format!("data[{}]", entry.key));
            }
            for found in self.images.iter_mut().skip(before) {
                // Lines of the inner text mean nothing to a reader of the file.
                found.line = entry.position.line;
            }
        }
    }

    fn add(&mut self, image: &str, value: &Node, path: &str, is_suspect: bool, pulls_always: bool) {
        self.images.push(Use {
            image: image.to_owned(),
            is_suspect: is_suspect || self.is_embedded,
            object: self.object.to_owned(),
            field: path.to_owned(),
            line: value.position.line,
            pulls_always,
        });
    }
}

/// Whether the image is `latest`, by name or for lack of a tag.
#[must_use]
pub fn is_latest(reference: &Reference) -> bool {
    reference.digest().is_none() && reference.tag() == Some("latest")
}

fn is_image_key(key: &str) -> bool {
    key.to_ascii_lowercase().ends_with("image")
}

/// Whether a text is a reference that names a registry, a tag or a digest: any lower-case word would be one otherwise.
fn is_telling(text: &str) -> bool {
    let registry = text
        .split_once('/')
        .is_some_and(|(first, _)| first.contains('.'));
    (registry || text.contains([':', '@'])) && Reference::parse(text).is_some()
}

fn field<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match &node.data {
        Data::Map(entries) => entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value),
        _ => None,
    }
}

fn list(node: &Node) -> Option<&[Node]> {
    match &node.data {
        Data::Seq(items) => Some(items),
        _ => None,
    }
}

fn text_of<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match field(node, key).map(|node| &node.data) {
        Some(Data::String(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let uses = find(&read::read(text).unwrap());
        let image = |found: &Use| {
            format!(
                "{}{} {} {}:{}{}",
                if found.is_suspect { "? " } else { "" },
                found.image,
                found.object,
                found.field,
                found.line,
                if found.pulls_always { " always" } else { "" },
            )
        };
        uses.images.iter().map(image).collect()
    }

    #[test]
    fn containers_and_image_volumes_are_found_wherever_they_are() {
        let text = "\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: d, namespace: ns}
spec:
  template:
    spec:
      initContainers:
      - image: a.example/init:1
        imagePullPolicy: Always
      containers:
      - name: c
        image: plain
      - image: a.example/pinned:latest
        imagePullPolicy: IfNotPresent
      volumes:
      - name: v
        image: {reference: 'a.example/data:1'}
      - name: w
        emptyDir: {}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: t}
spec: {deep: [{podTemplate: {ephemeralContainers: [{image: 'a.example/deep:2'}]}}]}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: 'a.example/item:3'}]}}
";
        assert_eq!(
            found(text),
            [
                "a.example/init:1 DaemonSet ns/d spec.template.spec.initContainers[0].image:8 always",
                "plain DaemonSet ns/d spec.template.spec.containers[0].image:12 always",
                "a.example/pinned:latest DaemonSet ns/d spec.template.spec.containers[1].image:13",
                "a.example/data:1 DaemonSet ns/d spec.template.spec.volumes[0].image.reference:17",
                "a.example/deep:2 Thing t spec.deep[0].podTemplate.ephemeralContainers[0].image:24",
                "a.example/item:3 Pod p spec.containers[0].image:29",
            ]
        );
    }

    #[test]
    fn what_only_looks_like_an_image_is_a_suspect() {
        let text = "\
kind: Thing
metadata: {name: t}
spec:
  image: a.example/one:1
  sidecarImage: a.example/two
  bootImage: ubuntu
  imagePullPolicy: Always
  wallpaperImage: 'https://a.example/x.png'
  proxy: {image: {registry: a.example, repository: three, tag: '3'}}
  other: {image: {repository: b.example/four, digest: ''}}
  containers:
  - image: c.example/own:1
    env:
    - {name: RELATED_IMAGE_FIVE, value: 'a.example/five:5'}
    - {name: IMAGE_COUNT, value: '5'}
    - {name: ADDRESS, value: 'a.example/six:6'}
    args: ['--sidecar-image=a.example/seven:7', '--image', 'a.example/eight:8', '--level=a.example/nine:9', 'a.example/ten:10']
";
        let images: Vec<String> = found(text)
            .iter()
            .map(|line| line.split(" Thing t ").next().unwrap().to_owned())
            .collect();
        assert_eq!(
            images,
            [
                "? a.example/one:1",
                "? a.example/two",
                "? a.example/three:3",
                "? b.example/four",
                "c.example/own:1",
                "? a.example/five:5",
                "? a.example/seven:7",
                "? a.example/eight:8",
            ]
        );
    }

    #[test]
    fn texts_of_config_maps_are_looked_through() {
        let text = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: ns}
data:
  values.yaml: |
    containers:
    - image: a.example/one:1
    proxyImage: a.example/two:2
  template: '{{ range }} image: a.example/three:3'
  plain: text
";
        assert_eq!(
            found(text),
            [
                "? a.example/one:1 ConfigMap ns/c data[values.yaml].containers[0].image:5",
                "? a.example/two:2 ConfigMap ns/c data[values.yaml].proxyImage:5",
            ]
        );
    }

    #[test]
    fn objects_whose_images_are_not_written_are_named() {
        let text = "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\n---\napiVersion: other/v1\nkind: Installation\n";
        let uses = find(&read::read(text).unwrap());
        assert_eq!(
            uses.unseen,
            [("Installation default".to_owned(), "Calico's operator")]
        );
    }
}
