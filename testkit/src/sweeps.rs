//! How thorough the sweeps are: every test run meets every durable action, the whole form meets it with every fault and every way to
//! go on.

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

#[cfg(test)]
mod tests {
    use super::*;

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
