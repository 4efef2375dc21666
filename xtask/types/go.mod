// Reads Go struct types out of the source of Kubernetes' modules; run by `cargo xtask tables`.
module kubeplan.io/xtask/types

go 1.24
