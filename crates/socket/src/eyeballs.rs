//! Happy eyeballs.
