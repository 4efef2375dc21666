//! An etcd in memory, for tests: it answers as a real one would, and fails as it is told to.
