"""The quantum-side OS of a node.

main.Qnpu          the actor: boot order, events, who has the processor
settings           what a network file may say about it
syscalls           what a CNPU may ask
process, memory, scheduler, processor, netstack, netprocess, linklayer, agreement      its parts
"""
