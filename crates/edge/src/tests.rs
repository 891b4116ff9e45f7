//! The brain by moving its clock.
