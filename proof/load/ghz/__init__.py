"""What a ghz configuration asks for and what a ghz report tells: pure, without a load of its own.

https://ghz.sh/docs has the originals.
"""
