"""The simulated world: quantum states, devices and links, as one actor.

world.World                        the actor
engine.Engine                      exact mixed states of entangled qubits
device.Device, generic             hardware and its noise
links                              how often an attempt succeeds, and the state it leaves
gates, channels, bell, groups      transfer matrices and tensors
"""
