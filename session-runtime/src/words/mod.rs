//! Text that people write and read: durations, misspelt names, and quoted text from outside.

pub(crate) mod duration;
mod nearest;
mod quoted;

pub(crate) use self::{
    nearest::{nearest, plain},
    quoted::Quoted,
};
