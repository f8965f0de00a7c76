"""Routes over a mesh, link by link."""


def path(source, target, cores_per_tile, height):
    """The links ((x, y), (x, y)) from core to core, along x first."""
    (x, y), (x1, y1) = (divmod(core // cores_per_tile, height) for core in (source, target))
    links = []
    while x != x1:
        step = 1 if x1 > x else -1
        links.append(((x, y), (x + step, y)))
        x += step
    while y != y1:
        step = 1 if y1 > y else -1
        links.append(((x, y), (x, y + step)))
        y += step
    return links


def hops(source, targets, cores_per_tile, height, tree):
    """(links along x, links along y) that a message crosses to all targets: each link once in a tree."""
    links = [link for target in targets for link in path(source, target, cores_per_tile, height)]
    links = set(links) if tree else links
    along_x = sum(a[1] == b[1] for a, b in links)
    return along_x, len(links) - along_x
