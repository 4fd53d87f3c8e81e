//! Load generator that shares no client code with what it measures.
