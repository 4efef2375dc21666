//! Builds bundles byte by byte, from the description of the format and not with the crate's writer, so that they can be
//! wrong in every way and still be signed by a trusted author.

use std::io::{Read as _, Write as _};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{Index, Member};
use kubeplan_bundle::signature::{Namespace, PrivateKey};
use tar::{EntryType, Header};

/// One entry of an archive.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) header: Header,
    pub(crate) content: Vec<u8>,
    /// Bytes after the content, up to the next block.
    pub(crate) padding: u8,
}

impl Item {
    /// An entry as the format wants it.
    pub(crate) fn new(name: &str, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        Self {
            header,
            content: content.to_vec(),
            padding: 0,
        }
    }

    /// Changes the header and makes its checksum right again.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self.header.set_cksum();
        self
    }

    pub(crate) fn name(&self) -> String {
        String::from_utf8(self.header.path_bytes().into_owned()).unwrap()
    }
}

/// The plain bytes of `items`, without the end of the archive.
pub(crate) fn plain(items: &[Item]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        out.extend_from_slice(item.header.as_bytes());
        out.extend_from_slice(&item.content);
        while out.len() % 512 != 0 {
            out.push(item.padding);
        }
    }
    out
}

/// The two zero blocks.
pub(crate) const END: [u8; 1024] = [0; 1024];

/// A compressed member.
pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A first member: stored blocks of 65535 bytes.
pub(crate) fn stored(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let count = plain.chunks(65_535).len();
    for (number, block) in plain.chunks(65_535).enumerate() {
        let length = u16::try_from(block.len()).unwrap();
        out.push(u8::from(number + 1 == count));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&u32::try_from(plain.len()).unwrap().to_le_bytes());
    out
}

/// The parts of a bundle that has no payload, or of which the payload members are kept as they are.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) index: Index,
    /// The entries of the second member.
    pub(crate) items: Vec<Item>,
    /// What follows them, before compression.
    pub(crate) end: Vec<u8>,
}

impl Raw {
    /// Takes a bundle without payload apart.
    pub(crate) fn from_bundle(file: &[u8], index: &Index) -> Self {
        let size = index.members[0].size as usize;
        let mut inflated = Vec::new();
        flate2::bufread::GzDecoder::new(&file[file.len() - size..])
            .read_to_end(&mut inflated)
            .unwrap();
        let mut items = Vec::new();
        for entry in tar::Archive::new(&inflated[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            items.push(Item {
                header,
                content,
                padding: 0,
            });
        }
        Self {
            index: index.clone(),
            items,
            end: END.to_vec(),
        }
    }

    pub(crate) fn position(&self, name: &str) -> usize {
        self.items
            .iter()
            .position(|item| item.name() == name)
            .unwrap()
    }

    pub(crate) fn item(&mut self, name: &str) -> &mut Item {
        let at = self.position(name);
        &mut self.items[at]
    }

    /// The compressed second member.
    pub(crate) fn member(&self) -> Vec<u8> {
        gzip(&[plain(&self.items), self.end.clone()].concat())
    }

    /// The bundle with this second member, its digest in the index, signed.
    pub(crate) fn build_with(&self, member: &[u8], signers: &[&PrivateKey]) -> Vec<u8> {
        let mut index = self.index.clone();
        index.members[0] = Member {
            size: member.len() as u64,
            sha256: Sha256Digest::of(member),
        };
        index.plan_digest = index.compute_plan_digest().unwrap();
        let bytes = kubeplan_bundle::canonical::to_vec(&index).unwrap();
        assemble(&bytes, signers, &[member])
    }

    /// The bundle, signed.
    pub(crate) fn build(&self, signers: &[&PrivateKey]) -> Vec<u8> {
        self.build_with(&self.member(), signers)
    }
}

/// A bundle of any index bytes and later members, signed.
pub(crate) fn assemble(index: &[u8], signers: &[&PrivateKey], members: &[&[u8]]) -> Vec<u8> {
    let mut signatures: Vec<Item> = signers
        .iter()
        .map(|key| {
            let signature = key.sign(Namespace::Bundle, index).unwrap();
            let name = format!(
                "signatures/{}.sig",
                signature.public_key().fingerprint().hex()
            );
            Item::new(&name, signature.to_armored().as_bytes())
        })
        .collect();
    signatures.sort_by_key(Item::name);
    let mut items = vec![Item::new("kubeplan.json", index)];
    items.extend(signatures);
    let first = stored(&plain(&items));
    [&[&first[..]], members].concat().concat()
}
