//! Bundles that are signed by a trusted author and wrong: a careless author's program, or one that was taken over.
//! Every case is refused for its own reason, whatever is signed.

mod archive;
mod index;
mod payload;
mod seal;
mod signatures;

use kubeplan_bundle::seal::{Identities, Recipient};

use crate::raw::Raw;
use crate::support::{admit, author, chain, draft, identity, write};

const TWIN: &str = "redacted/files/etc/kubernetes/ca.key";

struct World {
    identities: Identities,
    recipient: Recipient,
    raw: Raw,
}

impl World {
    fn new() -> Self {
        let (identities, recipient) = identity();
        let (file, written) = write(draft(true), std::slice::from_ref(&recipient));
        let raw = Raw::from_bundle(&file, &written.index);
        Self {
            identities,
            recipient,
            raw,
        }
    }

    fn refusal(&self, file: &[u8]) -> String {
        match admit(file, &self.identities) {
            Ok(_) => panic!("accepted"),
            Err(error) => chain(&error),
        }
    }

    fn sign(&self, raw: &Raw) -> Vec<u8> {
        raw.build(&[&author(1)])
    }

    fn check(&self, file: &[u8], expected: &str) {
        let text = self.refusal(file);
        assert!(text.contains(expected), "expected `{expected}`: {text}");
    }
}

#[test]
fn what_the_raw_builder_makes_is_accepted_when_nothing_is_wrong_with_it() {
    let world = World::new();
    let file = world.sign(&world.raw);
    let (bundle, unsealed) = admit(&file, &world.identities).unwrap();
    assert_eq!(bundle.index().entries, world.raw.index.entries);
    assert_eq!(unsealed.names().count(), 2);
}
