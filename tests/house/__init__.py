"""The house: packaging, pins, and the rules that CI leans on."""
