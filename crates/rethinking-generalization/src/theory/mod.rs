//! The paper's mathematics, executable: what networks of a given size can express, and what least norm means.
