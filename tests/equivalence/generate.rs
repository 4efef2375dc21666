//! Random cases: the same seed and number give the same case.

use super::case::Case;
use super::host::Host;
use super::random::Random;
use super::{grammar, mutation, patches};

/// Case `number` of `seed` on a host like `base`; with `invalid`, one rule is broken.
#[must_use]
pub fn case(seed: u64, number: u64, base: &Host, varied: bool, invalid: bool) -> Case {
    let mut random = Random::of_case(seed, number);
    let host = if varied {
        base.varied(&mut random)
    } else {
        base.clone()
    };
    let mut host = host;
    let mut documents = grammar::documents(&mut random, &host);
    if varied {
        patches::add(&mut random, &mut host, &mut documents);
    }
    host.upload_certs = random.chance(25) && !grammar::has_external_etcd(&documents);
    let style = Some(random.bits());
    let mut case = Case {
        documents,
        style,
        host,
        mutation: None,
        text: None,
    };
    if invalid {
        mutation::mutate(&mut case, &mut random, number);
    } else if random.chance(25) {
        let at = random.below(case.documents.len() + 1);
        let document = grammar::of_another_command(&mut random);
        case.documents.insert(at, document);
    }
    case
}
