"""Parsing what others wrote: in linear time, and without building what nobody asked for."""
