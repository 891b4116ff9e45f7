//! Placeholder of the program; its modules follow.

fn main() {}
