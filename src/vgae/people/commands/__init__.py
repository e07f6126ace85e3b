"""The commands, by what one has and wants; `vgae.people.cli` names and orders them."""
