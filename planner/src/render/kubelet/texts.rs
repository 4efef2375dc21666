//! Renders the kubelets' `config.yaml` once for all nodes that get the same one.
//!
//! In: the configurations of nodes, one at a time, from any thread. Out: the text, shared. Nodes share it if they share the kubelet's
//! configuration and the patches (the same values in memory, as nodes of an inventory without settings of their own do) and everything
//! else in it is equal. The number of texts that are kept is limited: nodes that differ cost time, not memory.

use std::sync::{Arc, Mutex, PoisonError};

use super::{SourcedText, config_yaml, has_instance_config};
use crate::config::ValidConfig;
use crate::config::valid::{ComponentConfig, Shared};
use crate::patches::{PatchError, Patches};

/// The number of texts that are kept, the latest ones.
const KEPT: usize = 8;

/// Texts that were rendered.
#[derive(Debug, Default)]
pub struct KubeletTexts(Mutex<Vec<(Inputs, Arc<SourcedText>)>>);

/// Everything that a `config.yaml` depends on, except the release, which is the same for all nodes.
#[derive(Debug)]
struct Inputs {
    kubelet: Shared<ComponentConfig>,
    patches: Shared<Patches>,
    systemd_resolved: bool,
    cri_socket: Option<String>,
}

impl Inputs {
    fn of(config: &ValidConfig) -> Self {
        Self {
            kubelet: config.kubelet.clone(),
            patches: config.patches.clone(),
            systemd_resolved: config.facts.systemd_resolved,
            cri_socket: has_instance_config(config)
                .then(|| config.init.node_registration.cri_socket.clone()),
        }
    }

    fn give_the_same(&self, other: &Self) -> bool {
        self.kubelet.is(&other.kubelet)
            && self.patches.is(&other.patches)
            && self.systemd_resolved == other.systemd_resolved
            && self.cri_socket == other.cri_socket
    }
}

impl KubeletTexts {
    /// `config.yaml` of the node that `config` is of. All of its nodes are of one cluster.
    ///
    /// # Errors
    /// [`PatchError`] if a patch does not apply.
    pub fn config_yaml(&self, config: &ValidConfig) -> Result<Arc<SourcedText>, PatchError> {
        let inputs = Inputs::of(config);
        // A thread that panicked cannot have left the list half-changed.
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept()
            .iter()
            .find(|(known, _)| known.give_the_same(&inputs))
            .map(|(_, text)| Arc::clone(text));
        if let Some(text) = known {
            return Ok(text);
        }
        let text = Arc::new(config_yaml(config)?);
        let mut kept = kept();
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((inputs, Arc::clone(&text)));
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn equal_inputs_share_a_text_and_others_do_not() {
        let texts = KubeletTexts::default();
        let config = testing::default_config();
        let first = texts.config_yaml(&config).unwrap();
        assert!(Arc::ptr_eq(&first, &texts.config_yaml(&config).unwrap()));
        assert_eq!(*first, config_yaml(&config).unwrap());
        let mut others = [(); 3].map(|()| config.clone());
        others[0].facts.systemd_resolved = true;
        others[1].init.node_registration.cri_socket = "unix:///run/other.sock".into();
        let fields = others[2].kubelet.value.as_object_mut().unwrap();
        fields.insert("maxPods".into(), 7.into());
        for other in &others {
            let text = texts.config_yaml(other).unwrap();
            assert_eq!(*text, config_yaml(other).unwrap());
            assert_ne!(*text, *first);
        }
    }

    #[test]
    fn the_number_of_kept_texts_is_bounded() {
        let texts = KubeletTexts::default();
        for number in 0..3 * KEPT {
            let mut config = testing::default_config();
            config.init.node_registration.cri_socket = format!("unix:///run/{number}.sock");
            texts.config_yaml(&config).unwrap();
        }
        assert_eq!(texts.0.lock().unwrap().len(), KEPT);
    }
}
