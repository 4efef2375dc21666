//! How thorough the sweeps are: every test run meets every durable action with one kind of end, the whole form with every fault and
//! every way to go on.

/// The variable that asks for the whole form, by the value `whole`.
pub const SWEEPS: &str = "KUBEPLAN_SWEEPS";

/// Whether the sweeps are to be whole, as CI runs them.
#[must_use]
pub fn whole() -> bool {
    std::env::var_os(SWEEPS).is_some_and(|value| value == "whole")
}

/// What of `all` action `number` is met with: all of it in the whole form, else one, in turns.
pub fn met_with<T: Copy>(number: u64, all: &[T]) -> Vec<T> {
    if whole() {
        return all.to_vec();
    }
    let count = all.len().max(1) as u64;
    let turn = usize::try_from(number % count).unwrap_or_default();
    all.get(turn).copied().into_iter().collect()
}

/// How many sweeps over the same actions share them in the short form.
pub const SHARES: u64 = 3;

/// Whether a sweep meets action `number`: each in the whole form, else every third, from `share` on.
#[must_use]
pub fn meets(number: u64, share: u64) -> bool {
    whole() || number % SHARES == share % SHARES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_sweeps_meet_every_action() {
        for number in 0..9 {
            let met = (0..SHARES).filter(|share| meets(number, *share)).count();
            assert_eq!(met, if whole() { 3 } else { 1 }, "{number}");
        }
    }

    #[test]
    fn neighbours_are_met_with_different_things() {
        let met: Vec<Vec<char>> = (0..3).map(|number| met_with(number, &['a', 'b'])).collect();
        if whole() {
            assert_eq!(met, vec![vec!['a', 'b']; 3]);
        } else {
            assert_eq!(met, [['a'], ['b'], ['a']]);
        }
    }
}
