//! `addon/*`: what every cluster runs beside its control plane.

pub(crate) mod coredns;
pub(crate) mod kube_proxy;
