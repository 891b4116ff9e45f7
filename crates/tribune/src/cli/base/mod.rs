//! What all commands are made of: their description, their flags, their streams and their agent.
//! No command is named here but by `help`, which reads the table.

pub(crate) mod command;
pub(crate) mod console;
pub(crate) mod flags;
pub(crate) mod help;
pub(crate) mod http;
pub(crate) mod input;
pub(crate) mod output;

pub(crate) use self::command::{Api, Command, Failure, Run};
pub(crate) use self::console::Console;
pub(crate) use self::flags::{Flag, Parsed};
