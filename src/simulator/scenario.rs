//! The troubles by name, and their look-alikes: each is what it does to arrivals, delays, retention and membership.
