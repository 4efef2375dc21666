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

/// The gzip members of a file, in its order: first, small entries, sealed part if there is one, payload items, end.
pub(crate) fn members(file: &[u8]) -> Vec<&[u8]> {
    let mut members = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let mut decoder = flate2::bufread::GzDecoder::new(rest);
        decoder.read_to_end(&mut Vec::new()).unwrap();
        let after = decoder.into_inner();
        let (member, after) = rest.split_at(rest.len() - after.len());
        members.push(member);
        rest = after;
    }
    members
}

/// The entries in the plain bytes of a member.
fn items(member: &[u8]) -> Vec<Item> {
    let mut inflated = Vec::new();
    flate2::bufread::GzDecoder::new(member)
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
    items
}

/// The parts of a bundle that has no payload.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) index: Index,
    /// The entries of the second member.
    pub(crate) items: Vec<Item>,
    /// What follows them, before compression: nothing.
    pub(crate) end: Vec<u8>,
    /// The entries of the member of the sealed part; none if it is left out.
    pub(crate) sealed: Vec<Item>,
    /// What follows them.
    pub(crate) sealed_end: Vec<u8>,
    /// The plain bytes of the last member.
    pub(crate) last: Vec<u8>,
}

impl Raw {
    /// Takes a bundle without payload apart.
    pub(crate) fn from_bundle(file: &[u8], index: &Index) -> Self {
        let members = members(file);
        Self {
            index: index.clone(),
            items: items(members[1]),
            end: Vec::new(),
            sealed: match members.len() {
                4 => items(members[2]),
                _ => Vec::new(),
            },
            sealed_end: Vec::new(),
            last: END.to_vec(),
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

    /// The members after the second one.
    pub(crate) fn later(&self) -> Vec<u8> {
        let sealed = match self.sealed.is_empty() && self.sealed_end.is_empty() {
            true => Vec::new(),
            false => stored(&[plain(&self.sealed), self.sealed_end.clone()].concat()),
        };
        [sealed, stored(&self.last)].concat()
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
        assemble(&bytes, signers, &[member, &self.later()])
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
