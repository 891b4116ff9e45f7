//! The body with a cluster and a prober of its own.
