//! Random cases: the same seed and number give the same case.

use super::case::Case;
use super::host::Host;
use super::random::Random;
use super::{grammar, intended, mutation, patches};

/// What a case is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// Both programs take it.
    Valid,
    /// One rule is broken that both have.
    Broken,
    /// One program refuses it, as `docs/differences.md` says.
    Intended,
}

/// Case `number` of `seed` on a host like `base`, of which files and variables differ if it can be `varied`.
#[must_use]
pub fn case(seed: u64, number: u64, base: &Host, varied: bool, drawn: Drawn) -> Case {
    let mut random = Random::of_case(seed, number);
    let host = if varied {
        base.varied(&mut random)
    } else {
        base.clone()
    };
    let mut host = host;
    let mut documents = grammar::documents(&mut random, &host);
    // An intended difference that is drawn must not be patched away.
    if varied && drawn != Drawn::Intended {
        patches::add(&mut random, &mut host, &mut documents);
    }
    host.upload_certs = random.chance(25) && !grammar::has_external_etcd(&documents);
    let style = Some(random.bits());
    let mut case = Case {
        documents,
        style,
        host,
        mutation: None,
        intended: None,
        text: None,
    };
    match drawn {
        Drawn::Broken => mutation::mutate(&mut case, &mut random, number),
        Drawn::Intended => intended::draw(&mut case, &mut random, number, varied),
        Drawn::Valid if random.chance(25) => {
            let at = random.below(case.documents.len() + 1);
            let document = grammar::of_another_command(&mut random);
            case.documents.insert(at, document);
        }
        Drawn::Valid => {}
    }
    case
}
